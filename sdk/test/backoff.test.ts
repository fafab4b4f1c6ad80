import assert from "node:assert/strict";
import { test } from "node:test";
import { jitter, readRetryAfter } from "../src/backoff.js";

const NOW = Date.UTC(2026, 10, 30, 12);

test("the wait is anything up to a limit that doubles with each failure, and ends at 300 s", () => {
  const limits = [1, 2, 3, 4, 9, 10, 40].map((failures) => jitter(failures, 1));
  assert.deepEqual(limits, [1000, 2000, 4000, 8000, 256_000, 300_000, 300_000]);
  assert.equal(jitter(3, 0), 0);
  assert.equal(jitter(3, 0.25), 1000);
});

for (const [header, expected] of [
  ["7", 7000],
  ["0", 0],
  ["86400", 300_000],
  ["Mon, 30 Nov 2026 12:00:20 GMT", 20_000],
  ["Mon, 30 Nov 2026 11:00:00 GMT", 0],
  ["soon", NaN],
  ["", NaN],
  [null, NaN],
] as const) {
  test(`Retry-After: ${header}`, () => assert.equal(readRetryAfter(header, NOW, 0), expected));
}

test("up to a quarter is added to Retry-After, so that clients do not return together", () => {
  assert.equal(readRetryAfter("100", NOW, 1), 125_000);
});
