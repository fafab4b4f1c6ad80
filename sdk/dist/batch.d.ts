import type { Stored } from "./store.js";
export declare function countBytes(text: string): number;
/** The first events that fit into `maxEvents` and `maxBytes`. */
export declare function takeBatch(waiting: readonly Stored[], maxEvents: number, maxBytes: number): Stored[];
/**
 * The body of a request. `sent_at` lets the server correct every `ts` by the error of this clock. That needs one clock for
 * both: an event from the future was made before the clock was set back, and gets the present as its time.
 */
export declare function writeBody(batch: readonly Stored[], nowMs: number, envelope: object): string;
