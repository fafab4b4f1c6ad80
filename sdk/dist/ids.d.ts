/**
 * Ids of events and sessions: UUID version 7 (RFC 9562), whose first 48 bits are the time in milliseconds.
 * Ids that one page makes are strictly increasing, so that the order of ids is the order of events.
 */
/** A new id. Within one millisecond, or while the clock stands back, the counter goes up, and into the time above it. */
export declare function uuid7(nowMs?: number): string;
/** When an id was made, in milliseconds since 1970. */
export declare function timeOf(id: string): number;
