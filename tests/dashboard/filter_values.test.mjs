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
for (const [field, operator, typed, expected] of CASES) {
  test(`${field}${operator}${typed} means ${expected}`, () => {
    assert.equal(meantValue({ field, operator }, typed, OFFERED[field]), expected);
  });
}
