import assert from "node:assert/strict";
import { test } from "node:test";
import { timeOf, uuid7 } from "../src/ids.js";

test("an id is a UUID of version 7 and of the standard variant", () => {
  assert.match(uuid7(), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("the time of an id is the time it was made at", () => {
  const later = Date.now() + 60_000;
  assert.equal(timeOf(uuid7(later)), later);
});

test("ids of one millisecond are distinct and increase, through more than the counter holds", () => {
  const now = Date.now() + 120_000;
  const ids = Array.from({ length: 10_000 }, () => uuid7(now));
  assert.deepEqual(ids, [...new Set(ids)].sort());
});

test("an id increases although the clock was set back", () => {
  const now = Date.now() + 180_000;
  const before = uuid7(now);
  assert.ok(uuid7(now - 86_400_000) > before);
});
