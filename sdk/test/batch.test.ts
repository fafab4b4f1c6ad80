import assert from "node:assert/strict";
import { test } from "node:test";
import { countBytes, takeBatch, writeBody } from "../src/batch.js";
import { uuid7 } from "../src/ids.js";
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS } from "../src/options.js";
import type { Stored } from "../src/store.js";

const NOW = Date.UTC(2026, 10, 30, 12);

function make(text: string, nowMs = NOW): Stored {
  const event_id = uuid7(nowMs);
  return [event_id, JSON.stringify({ event_id, ts: new Date(nowMs).toISOString(), payload: { text } })];
}

test("a batch is the oldest events, as many as are allowed", () => {
  const waiting = Array.from({ length: 250 }, () => make(""));
  assert.deepEqual(takeBatch(waiting, MAX_BATCH_EVENTS, MAX_BATCH_BYTES), waiting.slice(0, 100));
  assert.deepEqual(takeBatch(waiting.slice(240), MAX_BATCH_EVENTS, MAX_BATCH_BYTES), waiting.slice(240));
});

test("the body of a full batch has at most the allowed bytes, whatever the characters", () => {
  for (const character of ["a", "ä", "€", "😀"]) {
    const waiting = Array.from({ length: 60 }, () => make(character.repeat(1000)));
    const batch = takeBatch(waiting, MAX_BATCH_EVENTS, MAX_BATCH_BYTES);
    const bytes = countBytes(writeBody(batch, NOW, { key: "pk_" + "k".repeat(60), site_id: "s".repeat(60) }));
    assert.ok(bytes <= MAX_BATCH_BYTES, `${bytes}`);
    const next = countBytes(waiting[batch.length]?.[1] ?? "");
    if (batch.length < 60) assert.ok(bytes + next > MAX_BATCH_BYTES - 400);
  }
});

test("the body names what is known and says when it is sent", () => {
  const batch = [make("a"), make("b")];
  const body = JSON.parse(writeBody(batch, NOW, { key: undefined, site_id: "shop" }));
  assert.deepEqual(body, {
    site_id: "shop",
    sent_at: "2026-11-30T12:00:00.000Z",
    events: batch.map(([, text]) => JSON.parse(text)),
  });
});

test("an event from before the clock was set back gets the time of sending, others keep theirs", () => {
  const batch = [make("past", NOW - 5000), make("future", NOW + 86_400_000)];
  const { events } = JSON.parse(writeBody(batch, NOW, {})) as { events: { ts: string; payload: object }[] };
  assert.deepEqual(
    events.map((event) => event.ts),
    ["2026-11-30T11:59:55.000Z", "2026-11-30T12:00:00.000Z"],
  );
  assert.deepEqual(events[1]?.payload, { text: "future" });
});
