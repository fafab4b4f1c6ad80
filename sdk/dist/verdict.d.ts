/** What a status means for the batch that was sent. The sender acts on it. */
export declare const enum Verdict {
    /** The server has it. */
    Taken = 0,
    /** Ask for a token, or wait for one. */
    NeedsToken = 1,
    /** An operator has to change something: try now and then. */
    Blocked = 2,
    /** Send less at once. */
    TooLarge = 3,
    /** The server will never take it. */
    Refused = 4,
    /** Send it again. */
    Retry = 5
}
export declare function judge(status: number): Verdict;
