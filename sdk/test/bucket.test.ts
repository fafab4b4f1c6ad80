import assert from "node:assert/strict";
import { test } from "node:test";
import { createBucket } from "../src/bucket.js";

function countTaken(mayTake: (nowMs: number) => boolean, attempts: number, nowMs: number): number {
  return Array.from({ length: attempts }, () => mayTake(nowMs)).filter(Boolean).length;
}

test("a burst is taken at once, and then no more", () => {
  assert.equal(countTaken(createBucket(20, 100), 250, 5000), 100);
});

test("after a second there is room for `rate` more, after long for a burst, not for more", () => {
  const mayTake = createBucket(20, 100);
  countTaken(mayTake, 100, 0);
  assert.equal(countTaken(mayTake, 100, 1000), 20);
  assert.equal(countTaken(mayTake, 100, 1025), 0);
  assert.equal(countTaken(mayTake, 100, 1050), 1);
  assert.equal(countTaken(mayTake, 250, 3_600_000), 100);
});

test("a page that tracks in a loop for a minute gets a burst and `rate` a second", () => {
  const mayTake = createBucket(20, 100);
  let taken = 0;
  for (let ms = 0; ms <= 60_000; ms++) taken += countTaken(mayTake, 5, ms);
  assert.equal(taken, 100 + 20 * 60);
});
