/**
 * Ids of events and sessions: UUID version 7 (RFC 9562), whose first 48 bits are the time in milliseconds.
 * Ids that one page makes are strictly increasing, so that the order of ids is the order of events.
 */

/** The first 60 bits of the last id, without its version: the time, and a counter of 12 bits. */
let last = 0;

/** A new id. Within one millisecond, or while the clock stands back, the counter goes up, and into the time above it. */
export function uuid7(nowMs = Date.now()): string {
  // In steps of two, which are exact beyond 2 ** 53, which is in the year 2039.
  last = Math.max(last + 2, nowMs * 4096);
  const time = last.toString(16).padStart(15, "0");
  const [a, b] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  // The variant: the bits 10 in front of 30 random ones.
  const high = ((a >>> 2) + 2 ** 31).toString(16);
  const low = (b + 2 ** 32).toString(16).slice(1);
  return `${time.slice(0, 8)}-${time.slice(8, 12)}-7${time.slice(12)}-${high.slice(0, 4)}-${high.slice(4) + low}`;
}

/** When an id was made, in milliseconds since 1970. */
export function timeOf(id: string): number {
  return parseInt(id.replace("-", ""), 16);
}
