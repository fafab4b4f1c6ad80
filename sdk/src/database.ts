/**
 * The queue in IndexedDB: objects {id, text}. What a committed transaction wrote is found again after a crash of the browser.
 * store.ts is the only caller. Where IndexedDB is absent or fails, operations resolve with undefined; nothing throws.
 */

const STORE = "queue";
/** Some browsers never answer an open() in rare states; the queue then works without it. */
const OPEN_MS = 2000;

/** Runs `work` in a transaction, and resolves with its result when that has committed. */
export type Transact = <T>(mode: IDBTransactionMode, work: (queue: IDBObjectStore) => T) => Promise<T | undefined>;

/** Opens nothing until it is used. */
export function createDatabase(name: string): Transact {
  let opened: Promise<IDBDatabase | undefined> | undefined;
  return async (mode, work) => {
    const database = await (opened ??= open(name));
    if (!database) return undefined;
    return new Promise((resolve) => {
      try {
        // Relaxed: committed when the operating system has it, in 0.5 ms instead of a sync of the disk.
        const transaction = database.transaction(STORE, mode, { durability: "relaxed" });
        const result = work(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(result);
        transaction.onabort = () => resolve(undefined);
      } catch {
        // The connection was closed, for example because the site's data was cleared. The next call opens another.
        opened = undefined;
        resolve(undefined);
      }
    });
  };
}

function open(name: string): Promise<IDBDatabase | undefined> {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open(name);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
      request.onsuccess = () => {
        // Lets another page delete the database.
        request.result.onversionchange = () => request.result.close();
        resolve(request.result);
      };
      request.onerror = () => resolve(undefined);
      setTimeout(resolve, OPEN_MS);
    } catch {
      resolve(undefined);
    }
  });
}
