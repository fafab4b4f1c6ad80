/** Id and JSON of one event. */
export type Stored = readonly [id: string, text: string];
export interface EventStore {
    /** The events of this page that are not done with, oldest first. */
    readonly memory: Map<string, string>;
    /** Those that are in memory only, and would be lost with the page. */
    readonly unsaved: Set<string>;
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
