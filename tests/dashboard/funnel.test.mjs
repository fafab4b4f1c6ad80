// Tests of what the form of funnels sends, and of the addresses of users: node --test tests/dashboard/funnel.test.mjs
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const first = JSON.parse(readFileSync(new URL("first_requests.json", import.meta.url), "utf8"));

const dataset = { site: "shop", zone: "Europe/Berlin", base: "/assets/0/", scopes: "read write" };
globalThis.document = { documentElement: { dataset, lang: "en" } };
globalThis.location = { pathname: "/sites/shop/funnels", search: "" };
Object.defineProperty(globalThis, "navigator", { value: { languages: ["en-GB"], onLine: true }, configurable: true });
globalThis.localStorage = { getItem: () => null };

const modules = new URL("../../analytics/dashboard/static/", import.meta.url);
const load = (path) => import(new URL(path, modules));
const { addWords, loadWords } = await load("app/words.js");
await loadWords();
await addWords(() => load("app/words_funnels.js"), () => load("app/words_funnels_de.js"));
await load("parts/frame.js");
const { definitionOf, draftOf, move, nameOfDraft, newStep, withEvent, withPath, wordsOfStep } = await load("app/funnel.js");
const { addressOf } = await load("app/params.js");
const { readState } = await load("app/state.js");
const { GROUP, bodyOfExport, timelinePath, usersPath, wordsOfGroup } = await load("parts/user_group.js");
const { en } = await load("app/words_funnels.js");
const { de } = await load("app/words_funnels_de.js");

const stored = {
  id: "f", name: "Checkout", description: "", ordering: "ordered", scope: "user", window_s: 5400, value: null,
  steps: [
    { id: "1", name: "", type: "page", condition: { page: "/cart" }, order: 1 },
    { id: "2", name: "", type: "custom", condition: { custom: "order", filter: "country==DE" }, order: 2 },
  ],
};

test("a stored funnel that nobody changed is sent as it was", () => {
  const { id, name, description, ...definition } = stored;
  assert.deepEqual(definitionOf(draftOf(stored)), definition);
});

test("a new step gets an id that no other has", () => {
  const draft = draftOf(stored);
  const step = { ...newStep("event"), condition: { event: " signup " } };
  const sent = definitionOf({ ...draft, steps: [step, ...draft.steps.reverse()] }).steps;
  assert.deepEqual(sent.map((one) => [one.id, one.order]), [["3", 1], ["2", 2], ["1", 3]]);
  assert.deepEqual(sent[0].condition, { event: "signup" });
});

test("nothing is sent while a step asks for nothing, or no time is left", () => {
  assert.equal(definitionOf(draftOf()), null);
  assert.equal(definitionOf({ ...draftOf(stored), window: "" }), null);
});

test("a window is shown in the largest unit that fits", () => {
  const unit = (window_s) => [draftOf({ ...stored, window_s }).window, draftOf({ ...stored, window_s }).unit];
  assert.deepEqual([604800, 5400, 7200, 61].map(unit), [["7", 86400], ["90", 60], ["2", 3600], ["61", 1]]);
});

test("a part is written where it was", () => {
  assert.deepEqual(withEvent({ custom: "a" }, "b"), { custom: "b" });
  assert.deepEqual(withPath({ path: "/a" }, "/b"), { path: "/b" });
  assert.deepEqual(withPath({}, "/b"), { page: "/b" });
});

test("steps are moved to where they are wanted", () => {
  assert.deepEqual(move(["a", "b", "c"], 0, 2), ["b", "c", "a"]);
  assert.deepEqual(move(["a", "b", "c"], 2, 0), ["c", "a", "b"]);
});

test("steps are named in words", () => {
  assert.equal(wordsOfStep(stored.steps[1]), "order · Country is Germany");
  assert.equal(wordsOfStep({ type: "event", condition: { event: "signup", page: "/a*" } }), "signup on /a*");
  assert.equal(wordsOfStep({ type: "page", condition: { page: "*" } }), "any page");
  assert.equal(nameOfDraft({ ...draftOf(stored), name: " " }), "/cart → order · Country is Germany");
});

const none = Object.fromEntries(GROUP.map((name) => [name, ""]));

test("the users of a step are asked for in the page's period", () => {
  const params = { ...none, funnel: "f", step: "2", reached: "dropped" };
  const path = "reports/users?site=shop&days=7&filter=path%3D%3D%2F&funnel=f&step=2&reached=dropped&limit=50";
  assert.equal(usersPath(readState("?period=7d&filter=path%3D%3D%2F"), params), path);
  const body = { site: "shop", what: "users", format: "csv", days: 7, filter: { where: "path==/" } };
  assert.deepEqual(bodyOfExport(readState("?period=7d&filter=path%3D%3D%2F"), params), { ...body, users: { funnel: "f", step: "2", reached: "dropped" } });
  assert.equal(wordsOfGroup(params, stored), "Went no further than step 2, order · Country is Germany, of Checkout");
});

test("the first request of users is that of the shell", (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: Date.parse(first.now) });
  for (const [address, query] of first.users) {
    const given = new URLSearchParams(address);
    const state = readState(address);
    const params = Object.fromEntries(GROUP.map((name) => [name, given.get(name) ?? ""]));
    const path = given.has("user") ? timelinePath(state, given.get("user")) : usersPath(state, params);
    assert.equal(path, "reports/users" + query, address);
  }
});

test("a cohort has no other period, a type of events is a filter of the file", () => {
  const params = { ...none, cohort: "2026-11-02", unit: "week", offset: "2", type: "signup" };
  assert.equal(usersPath(readState("?unit=week"), params), "reports/users?site=shop&cohort=2026-11-02&unit=week&offset=2&type=signup&limit=50");
  const users = { cohort: "2026-11-02", unit: "week", offset: "2" };
  assert.deepEqual(bodyOfExport(readState(""), params), { site: "shop", what: "users", format: "csv", filter: { type: ["signup"] }, users });
  assert.match(wordsOfGroup(params, null), /^New in the week of 2 Nov(ember)? 2026, active 2 weeks later$/);
});

test("an address has what is not empty", () => {
  assert.equal(addressOf(readState("?period=7d&unit=week"), { unit: "", funnel: "a b" }), "/sites/shop/funnels?period=7d&funnel=a+b");
});

test("German has every word and every placeholder of English", () => {
  const holes = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  const forms = (text) => (typeof text === "string" ? { other: text } : text);
  assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
  for (const [name, text] of Object.entries(de)) {
    for (const [form, german] of Object.entries(forms(text))) assert.deepEqual(holes(german), holes(forms(en[name])[form]), name);
  }
});
