/**
 * Ids of events and sessions: UUID version 7 (RFC 9562), whose first 48 bits are the time in milliseconds.
 * Ids that one page makes are strictly increasing, so that the order of ids is the order of events.
 */
/** A new id. Within one millisecond, or while the clock stands back, a 12-bit counter goes up in place of the time. */
export declare function uuid7(now?: number): string;
/** When an id was made, in milliseconds since 1970. */
export declare function timeOf(id: string): number;
