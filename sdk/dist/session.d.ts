export interface Session {
    /** The id for an event of `nowMs`. With `store` false it is kept in memory only. */
    current(nowMs: number, store: boolean): string;
    /** The next event begins another session. */
    reset(): void;
}
export declare function createSession(name: string): Session;
