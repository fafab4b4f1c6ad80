/** Cuts waiting events into requests. Pure: the clock comes in as an argument. */
import { timeOf } from "./ids.js";
import type { Stored } from "./store.js";

/** Room for what stands around the events. */
const ENVELOPE_BYTES = 400;
const encoder = new TextEncoder();

export function countBytes(text: string): number {
  return encoder.encode(text).length;
}

/** The first events that fit into `maxEvents` and `maxBytes`. */
export function takeBatch(waiting: readonly Stored[], maxEvents: number, maxBytes: number): Stored[] {
  let bytes = ENVELOPE_BYTES;
  // The sum only grows: after the first that does not fit, none does.
  return waiting.filter(([, text], i) => i < maxEvents && (bytes += countBytes(text) + 1) <= maxBytes);
}

/**
 * The body of a request. `sent_at` lets the server correct every `ts` by the error of this clock. That needs one clock for
 * both: an event from the future was made before the clock was set back, and gets the present as its time.
 */
export function writeBody(batch: readonly Stored[], nowMs: number, envelope: object): string {
  const now = new Date(nowMs);
  const events = batch.map(([id, text]) => (timeOf(id) > nowMs + 1000 ? JSON.stringify({ ...JSON.parse(text), ts: now }) : text));
  return `${JSON.stringify({ ...envelope, sent_at: now }).slice(0, -1)},"events":[${events}]}`;
}
