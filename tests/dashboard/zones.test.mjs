// A custom period is named by its days, also where the site's day begins long before that of UTC.
import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { documentElement: { dataset: { site: "shop", zone: "Pacific/Kiritimati" }, lang: "en" } };
Object.defineProperty(globalThis, "navigator", { value: { languages: ["en-US"] }, configurable: true });
globalThis.localStorage = { getItem: () => null };
const { periodName } = await import(new URL("../../analytics/dashboard/static/parts/dates.js", import.meta.url));
const { readState } = await import(new URL("../../analytics/dashboard/static/app/state.js", import.meta.url));

test("a custom period is named by its days", () => {
  const name = (from, to) => periodName(readState(`?period=custom&from=${from}&to=${to}`)).replace(/\s/g, " ");
  assert.equal(name("2026-03-01", "2026-03-01"), "Mar 1, 2026");
  assert.equal(name("2026-02-27", "2026-03-01"), "Feb 27 – Mar 1, 2026");
});
