/** How long to wait before a request is made again. Pure: time and chance come in as arguments. */

export const MAX_WAIT_MS = 300_000;

/** Full jitter: anything up to 1 s, 2 s, 4 s … 300 s after the first, second, third … failure in a row. */
export function jitter(failures: number, chance: number): number {
  return chance * Math.min(MAX_WAIT_MS, 500 * 2 ** failures);
}

/** The wait that a Retry-After header asks for, at most 300 s, and up to a quarter more; NaN without a readable header. */
export function readRetryAfter(header: string | null, nowMs: number, chance: number): number {
  // Of null both make NaN.
  const wait = parseInt(header as string) * 1000 || Date.parse(header as string) - nowMs;
  return Math.min(MAX_WAIT_MS, Math.max(0, wait)) * (1 + chance / 4);
}
