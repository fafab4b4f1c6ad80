/**
 * The queue in IndexedDB: objects {id, text}. What a committed transaction wrote is found again after a crash of the browser.
 * store.ts is the only caller. Where IndexedDB is absent or fails, operations resolve without a value; nothing throws.
 */

const STORE = "queue";
/** Some browsers never answer an open() in rare states; the queue then works without it. */
const OPEN_MS = 2000;

/** Runs `work` in a transaction, and resolves with its result when that has committed. */
export type Transact = <T>(mode: IDBTransactionMode, work: (queue: IDBObjectStore) => T) => Promise<T | void>;

/** Opens nothing until it is used. */
export function createDatabase(name: string): Transact {
  let opened: Promise<IDBDatabase | void> | undefined;
  return async (mode, work) => {
    const database = await (opened ??= open(name));
    if (!database) return;
    return new Promise((resolve) => {
      try {
        // Browsers commit when the operating system has the data: in 0.5 ms, and a crash of the browser loses nothing.
        const transaction = database.transaction(STORE, mode);
        const result = work(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(result);
        transaction.onabort = () => resolve();
      } catch {
        // The connection was closed, for example because the site's data was cleared. The next call opens another.
        opened = undefined;
        resolve();
      }
    });
  };
}

function open(name: string): Promise<IDBDatabase | void> {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open(name);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve();
      setTimeout(resolve, OPEN_MS);
    } catch {
      resolve();
    }
  });
}
