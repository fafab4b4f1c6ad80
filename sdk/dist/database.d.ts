/**
 * The queue in IndexedDB: objects {id, text}. What a committed transaction wrote is found again after a crash of the browser.
 * store.ts is the only caller. Where IndexedDB is absent or fails, operations resolve without a value; nothing throws.
 */
/** Runs `work` in a transaction, and resolves with its result when that has committed. */
export type Transact = <T>(mode: IDBTransactionMode, work: (queue: IDBObjectStore) => T) => Promise<T | void>;
/** Opens nothing until it is used. */
export declare function createDatabase(name: string): Transact;
