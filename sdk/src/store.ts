/**
 * The events that wait: in memory, in a journal in localStorage, and in the queue in IndexedDB. The sender reads the
 * union of the three by id.
 *
 * localStorage alone loses events when the browser crashes within seconds, IndexedDB alone when the page navigates within
 * a millisecond. So an event is in the journal when `add` returns, and leaves it when the queue has committed it.
 */
import { createDatabase } from "./database.js";
import { readItems, removeItem, writeItem } from "./local.js";

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
  /** Forgets all events of the origin's pages. */
  clear(): void;
}

/** Touches no storage yet; without `persist` it never does. */
export function createStore(name: string, persist: boolean): EventStore {
  const prefix = name + ":q:";
  const transact = persist ? createDatabase(name) : undefined;
  const memory = new Map<string, string>();
  const volatile = new Set<string>();
  let unwritten: Stored[] = [];

  async function writeQueue(): Promise<void> {
    // What was removed meanwhile must not come back.
    const events = unwritten.filter(([id]) => memory.has(id));
    unwritten = [];
    const written = await transact?.("readwrite", (queue) => {
      for (const [id, text] of events) queue.put({ id, text });
      return true;
    });
    if (!written) return;
    for (const [id] of events) {
      removeItem(prefix + id);
      volatile.delete(id);
    }
  }

  function hold([id, text]: Stored): void {
    memory.set(id, text);
    volatile.add(id);
  }

  function forget(ids: Iterable<string>): void {
    for (const id of ids) {
      memory.delete(id);
      volatile.delete(id);
    }
  }

  return {
    memory,
    volatile,
    forget,
    hold,
    add(event) {
      const [id, text] = event;
      hold(event);
      if (!transact) return;
      if (writeItem(prefix + id, text)) volatile.delete(id);
      // One transaction for all events of a task of the event loop.
      if (unwritten.push(event) === 1) queueMicrotask(writeQueue);
    },
    async readAll() {
      // The journal before the queue: an event that moves meanwhile is found in one of them.
      const found = new Map(transact && readItems(prefix));
      const queued = await transact?.("readonly", (queue) => queue.getAll() as IDBRequest<{ id: string; text: string }[]>);
      for (const { id, text } of queued?.result ?? []) found.set(id, text);
      for (const [id, text] of memory) found.set(id, text);
      return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
    },
    remove(ids) {
      forget(ids);
      if (transact) for (const id of ids) removeItem(prefix + id);
      void transact?.("readwrite", (queue) => {
        for (const id of ids) queue.delete(id);
      });
    },
    clear() {
      forget(memory.keys());
      if (transact) for (const [id] of readItems(prefix)) removeItem(prefix + id);
      void transact?.("readwrite", (queue) => queue.clear());
    },
  };
}
