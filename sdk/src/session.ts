/** The session id: the same for all tabs, until 30 minutes have passed without an event. */
import { uuid7 } from "./ids.js";
import { readItem, removeItem, writeItem } from "./local.js";

const GAP_MS = 30 * 60_000;
/** Storage is read and written at most once in this time. */
const TOUCH_MS = 1000;

export interface Session {
  /** The id for an event of `nowMs`. With `store` false it is kept in memory only. */
  current(nowMs: number, store: boolean): string;
  /** The next event begins another session. */
  reset(): void;
}

export function createSession(name: string): Session {
  const key = name + ":s";
  let id: string | undefined;
  let touchedAt = 0;
  return {
    current(nowMs, store) {
      if (id && Math.abs(nowMs - touchedAt) < TOUCH_MS) return id;
      const [lastId, lastAt] = ((store && readItem(key)?.split(" ")) || [id, touchedAt]) as [string?, number?];
      id = lastId && Math.abs(nowMs - (lastAt as number)) < GAP_MS ? lastId : uuid7(nowMs);
      touchedAt = nowMs;
      if (store) writeItem(key, id + " " + nowMs);
      return id;
    },
    reset() {
      id = undefined;
      removeItem(key);
    },
  };
}
