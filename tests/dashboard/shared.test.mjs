// The scripts of a page for a reader without an account: its credential, what it asks for, and where its links lead.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";

const first = JSON.parse(readFileSync(new URL("first_requests.json", import.meta.url), "utf8"));
const dataset = { site: first.site, zone: first.zone, base: "/assets/0/", scopes: "", shared: "/share/share_x", token: "share_x" };
globalThis.document = { documentElement: { dataset: { ...dataset, embedded: "" }, lang: "en" } };
globalThis.location = { pathname: "/embed/share/share_x", search: "?theme=dark&period=7d" };
Object.defineProperty(globalThis, "navigator", { value: { languages: ["en-US"], onLine: true }, configurable: true });
globalThis.localStorage = { getItem: () => null };

const load = (path) => import(new URL("../../analytics/dashboard/static/" + path, import.meta.url));
const { get, overviewPath } = await load("app/api.js");
const { may, readState, writeState } = await load("app/state.js");
const { pageAddress } = await load("parts/sidebar.js");

mock.timers.enable({ apis: ["Date"], now: new Date(first.now) });

for (const [search, query] of first.cases) {
  test(`first request of a share link with ${search || "a bare address"}`, () => {
    assert.equal(overviewPath(readState(search)), `reports/overview?${query}&${first.shared_tail}`);
  });
}

test("the token is sent with every request, and a 401 leads nowhere", async () => {
  const asked = [];
  globalThis.fetch = async (address) => {
    asked.push(address);
    return { ok: false, status: 401, json: async () => ({ detail: "revoked" }) };
  };
  await assert.rejects(get("reports/realtime?site=shop"), { message: "revoked", status: 401 });
  assert.deepEqual(asked, ["/api/analytics/reports/realtime?site=shop&share=share_x"]);
});

test("a frame keeps its theme, and its links stay in it", () => {
  assert.equal(writeState(readState(location.search)), "/embed/share/share_x?period=7d&theme=dark");
  assert.equal(pageAddress({ path: "realtime" }), "/embed/share/share_x/realtime");
});

test("nobody is signed in", () => assert.equal(may("write"), false));
