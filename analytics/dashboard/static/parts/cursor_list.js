// A list of the API that comes in pages: the rows read so far, and the way to the next ones.
import { useEffect, useRef, useState } from "../vendor/preact.js";
import { get } from "../app/api.js";
import { described } from "./frame.js";

/** @template T @typedef {{ rows: T[] | null, total: number, meta: Meta | null, next: string | null, error: Failure | null, isBusy: boolean,
 *   took: number }} Pages */

/** While another path loads, the rows of the one before stay. An empty path: nothing is wanted.
 * @template T
 * @param {string} path @param {"users" | "events"} name
 * @returns {Pages<T> & { more: () => void, retry: () => void }} */
export function usePages(path, name) {
  const [pages, setPages] = useState(/** @type {Pages<T>} */ ({ rows: null, total: 0, meta: null, next: null, error: null, isBusy: true, took: 0 }));
  const current = useRef("");
  /** @param {string | null} cursor @param {AbortSignal} [signal] */
  const read = async (cursor, signal) => {
    const started = performance.now();
    setPages((old) => ({ ...old, isBusy: true, error: null }));
    try {
      const page = await get(path + (cursor ? "&cursor=" + encodeURIComponent(cursor) : ""), signal);
      if (current.current !== path) return;
      setPages((old) => ({ rows: [...((cursor && old.rows) || []), ...page[name]], total: page.total, meta: page.meta, next: page.next_cursor, error: null,
        isBusy: false, took: performance.now() - started }));
    } catch (failure) {
      const failed = /** @type {any} */ (failure);
      if (failed.name !== "AbortError" && current.current === path) setPages((old) => ({ ...old, error: described(failed), isBusy: false }));
    }
  };
  useEffect(() => {
    current.current = path;
    if (!path) return undefined;
    const abort = new AbortController();
    read(null, abort.signal);
    return () => abort.abort();
  }, [path]);
  return { ...pages, more: () => read(pages.next), retry: () => read(null) };
}
