/**
 * What the tracker has in place of store.ts, session.ts and lock.ts: events in memory, no session and no other page. So
 * tracker.js holds no code that keeps anything in the browser; with `data-persist` or `data-session` it loads the SDK.
 */
import type { Session } from "../session.js";
import type { EventStore, Stored } from "../store.js";

export function createStore(): EventStore {
  const memory = new Map<string, string>();
  const add = ([id, text]: Stored) => void memory.set(id, text);
  const forget = (ids: Iterable<string>) => {
    for (const id of ids) memory.delete(id);
  };
  return {
    memory,
    get volatile() {
      return new Set(memory.keys());
    },
    hold: add,
    add,
    readAll: async () => [...memory],
    forget,
    remove: forget,
    clear: () => memory.clear(),
  };
}

/** Not asked for ids: the tracker's option `session` is off. */
export function createSession(): Session {
  return { current: () => "", reset() {} };
}

/** Not called: the tracker's option `persist` is off, so that there is one sender a page. */
export function runExclusively(_name: string, work: () => Promise<void>): Promise<void> {
  return work();
}
