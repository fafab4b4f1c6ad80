/** Id and JSON of one event. */
export type Stored = readonly [id: string, text: string];
export interface EventStore {
    /** The events of this page that are not done with, oldest first. */
    readonly memory: Map<string, string>;
    /** Those that are in memory only, and would be lost with the page. */
    readonly volatile: Set<string>;
    /** Keeps an event in memory. */
    hold(event: Stored): void;
    /** Keeps an event, also in storage if there is any. */
    add(event: Stored): void;
    /** All events of the origin's pages, oldest first. */
    readAll(): Promise<Stored[]>;
    /** Forgets events that another page has removed. */
    forget(ids: Iterable<string>): void;
    remove(ids: Iterable<string>): void;
    clear(): void;
}
/** Touches no storage yet; without `persist` it never does. */
export declare function createStore(name: string, persist: boolean): EventStore;
