/** A token bucket: keeps a loop in a page from filling the queue. */
/** A function that says whether one more event may be taken at `nowMs`: `burst` at once, `ratePerS` a second for long. */
export declare function createBucket(ratePerS: number, burst: number): (nowMs: number) => boolean;
