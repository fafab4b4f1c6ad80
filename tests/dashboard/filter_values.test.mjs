// Tests of what a typed value of a filter means: node --test tests/dashboard/filter_values.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { documentElement: { dataset: { site: "shop", base: "/assets/0/", scopes: "read" }, lang: "de" } };
Object.defineProperty(globalThis, "navigator", { value: { languages: ["de-DE"], onLine: true }, configurable: true });
globalThis.localStorage = { getItem: () => null };

const parts = new URL("../../analytics/dashboard/static/parts/", import.meta.url);
const { meantValue } = await import(new URL("filter_dialog.js", parts));
const { loadWords } = await import(new URL("../app/words.js", parts));
await loadWords();
const { label } = await import(new URL("../app/format.js", parts));
const { namedBuckets } = await import(new URL("../charts/line.js", parts));

const OFFERED = {
  country: ["DE", "FR", "US"], browser: ["Firefox", "Chrome", "Chrome Mobile"], path: ["/pricing", "/Pricing", "/blog"],
  region: ["DE/Bavaria"], language: ["de", "en"],
};

const CASES = [
  ["country", "==", "Deutschland", "DE"], ["country", "==", "deutschLAND", "DE"], ["country", "!=", "deutsch", "DE"],
  ["country", "==", "de", "DE"], ["country", "==", "Japan", "Japan"], ["country", "=~", "Deutschland", "DE"],
  ["country", "=~", "deutsch", "deutsch"], ["browser", "==", "firefox", "Firefox"], ["browser", "==", "chrome", "Chrome"],
  ["browser", "==", "chro", "chro"], ["region", "==", "bavaria", "DE/Bavaria"], ["language", "==", "deutsch", "de"],
  ["path", "==", "/Pricing", "/Pricing"], ["path", "==", "/BLOG", "/blog"], ["path", "==", "/bl", "/bl"],
];
test("channels have words, others stay as they are", () => {
  assert.deepEqual(["search", "ai", "other"].map((one) => label("channel", one)), ["Suche", "KI", "other"]);
});

test("of many hours only midnights have a name", () => {
  const dates = ["2026-03-01", "2026-03-02", "2026-03-03"];
  const hours = dates.flatMap((date, day) => Array(day ? 24 : 5).fill({ date }));
  assert.deepEqual(namedBuckets(hours), [0, 5, 29]);
  assert.deepEqual(namedBuckets(hours.slice(0, 3)), [0, 1, 2]);
});

for (const [field, operator, typed, expected] of CASES) {
  test(`${field}${operator}${typed} means ${expected}`, () => {
    assert.equal(meantValue({ field, operator }, typed, OFFERED[field]), expected);
  });
}
