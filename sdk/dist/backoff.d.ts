/** How long to wait before a request is made again. Pure: time and chance come in as arguments. */
export declare const MAX_WAIT_MS = 300000;
/** Full jitter: anything up to 1 s, 2 s, 4 s … 300 s after the first, second, third … failure in a row. */
export declare function jitter(failures: number, chance: number): number;
/** The wait that a Retry-After header asks for, at most 300 s, and up to a quarter more; NaN without a readable header. */
export declare function readRetryAfter(header: string | null, nowMs: number, chance: number): number;
