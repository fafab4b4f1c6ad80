/** A token bucket: keeps a loop in a page from filling the queue. */

/** A function that says whether one more event may be taken at `nowMs`: `burst` at once, `ratePerS` a second for long. */
export function createBucket(ratePerS: number, burst: number): (nowMs: number) => boolean {
  let tokens = burst;
  let filledAt = 0;
  return (nowMs) => {
    tokens = Math.min(burst, tokens + (((nowMs - filledAt) / 1000) * ratePerS || 0));
    filledAt = nowMs;
    return tokens >= 1 && !!tokens--;
  };
}
