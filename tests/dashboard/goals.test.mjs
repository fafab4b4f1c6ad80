// Tests of what the form of goals sends, and of words and amounts: node --test tests/dashboard/goals.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { documentElement: { dataset: { site: "shop", zone: "UTC", scopes: "read write" }, lang: "en" } };
Object.defineProperty(globalThis, "navigator", { value: { languages: ["en-US"], onLine: true }, configurable: true });
globalThis.localStorage = { getItem: () => null };

const files = new URL("../../analytics/dashboard/static/", import.meta.url);
const { bodyOfGoal, draftOfGoal, present } = await import(new URL("parts/goal_form.js", files));
const { money, snippets } = await import(new URL("app/goals.js", files));
const { en } = await import(new URL("app/words_events.js", files));
const { de } = await import(new URL("app/words_events_de.js", files));

const GOALS = [
  { name: "Order", type: "order", path: null, filter: "country==DE", value: { property: "total", currency_property: "currency" } },
  { name: "Order", type: "order", path: "/shop*", filter: null, value: { amount: "9.90", currency: "EUR" } },
  { name: "Order", type: "order", path: null, filter: null, value: null },
];

for (const goal of GOALS) {
  test(`a goal stays as it is in the form: ${JSON.stringify(goal)}`, () => {
    assert.deepEqual(bodyOfGoal(draftOfGoal(goal)), goal);
  });
}

test("a page has no type, so that page views count", () => {
  const goal = { name: "Thanks", type: "page_view", path: "/thanks", filter: null, value: null };
  assert.deepEqual(bodyOfGoal(draftOfGoal(goal)), { ...goal, type: null });
  assert.deepEqual(present(bodyOfGoal(draftOfGoal(goal))), { name: "Thanks", path: "/thanks" });
});

test("a fixed amount has no currency of a property", () => {
  const draft = { ...draftOfGoal(GOALS[0]), worth: "fixed", amount: "2,50" };
  assert.deepEqual(bodyOfGoal(draft).value, { amount: "2.50" });
});

test("amounts are written in their currency, and exactly", () => {
  assert.equal(money({ currency: "EUR", amount: "90071992547409931.99" }), "€90,071,992,547,409,931.99");
  assert.equal(money({ currency: "<IMG", amount: "1.5" }), "1.5 <IMG");
  assert.equal(money({ currency: null, amount: "2" }), "2");
});

test("a hostile type is text in the lines to copy", () => {
  const [call, , markup] = snippets('a"<b>&').map((one) => one.text);
  assert.equal(call, 'analytics("a\\"<b>&", { plan: "pro" });');
  assert.ok(markup.startsWith('<button data-analytics-event="a&quot;&lt;b>&amp;"'));
});

test("German has every placeholder of English", () => {
  const holes = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const [name, text] of Object.entries(en)) {
    const forms = typeof text === "string" ? { other: text } : text;
    const german = typeof de[name] === "string" ? { other: de[name] } : de[name];
    for (const form of Object.keys(forms)) assert.deepEqual(holes(german[form]), holes(forms[form]), name);
  }
});
