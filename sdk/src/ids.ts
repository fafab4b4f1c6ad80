/**
 * Ids of events and sessions: UUID version 7 (RFC 9562), whose first 48 bits are the time in milliseconds.
 * Ids that one page makes are strictly increasing, so that the order of ids is the order of events.
 */

let lastMs = 0;
let counter = 0;

/** A new id. Within one millisecond, or while the clock stands back, a 12-bit counter goes up in place of the time. */
export function uuid7(now = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  if (now > lastMs) {
    lastMs = now;
    // The upper bit is left free, so that the counter has at least half of its range to go.
    counter = (((bytes[6] as number) & 7) << 8) | (bytes[7] as number);
  } else if (++counter > 0xfff) {
    lastMs++;
    counter = 0;
  }
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(lastMs / 2 ** (40 - 8 * i)) & 255;
  bytes[6] = 0x70 | (counter >> 8);
  bytes[7] = counter & 255;
  bytes[8] = ((bytes[8] as number) & 63) | 128;
  let hex = "";
  for (const byte of bytes) hex += (byte + 256).toString(16).slice(1);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** When an id was made, in milliseconds since 1970. */
export function timeOf(id: string): number {
  return parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
