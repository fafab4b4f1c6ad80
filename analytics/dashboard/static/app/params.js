// Parameters that a page's address has beside the state of all pages: which funnel, which users.
import { useCallback, useEffect, useState } from "../vendor/preact.js";
import { readState, writeState } from "./state.js";

/** @typedef {Record<string, string>} Params */

/** The address of a page: its state, and its own parameters, of which empty ones are left out.
 * @param {State} state @param {Params} params @param {string} [path] Of another page. */
export function addressOf(state, params, path = location.pathname) {
  const query = new URLSearchParams(writeState(state).split("?")[1]);
  Object.entries(params).forEach(([name, value]) => (value ? query.set(name, value) : query.delete(name)));
  const text = query.toString();
  return path + (text ? "?" + text : "");
}

/** The state and the named parameters of the address. `go` changes the state and keeps the parameters, `open` changes
 * parameters: those that it does not name are left out.
 * @param {string[]} names
 * @returns {{ state: State, params: Params, go: Go, open: (params: Params, replace?: boolean) => void }} */
export function useParams(names) {
  const read = () => {
    const query = new URLSearchParams(location.search);
    return { state: readState(location.search), params: Object.fromEntries(names.map((name) => [name, query.get(name) ?? ""])) };
  };
  const [found, setFound] = useState(read);
  useEffect(() => {
    const onBack = () => setFound(read());
    addEventListener("popstate", onBack);
    return () => removeEventListener("popstate", onBack);
  }, []);
  /** @param {State} state @param {Params} params @param {boolean} replace */
  const show = (state, params, replace) => {
    history[replace ? "replaceState" : "pushState"](null, "", addressOf(state, params));
    setFound(read());
  };
  const go = useCallback((/** @type {Partial<State>} */ change, /** @type {boolean} */ replace = false) => {
    const now = read();
    show({ ...now.state, ...change }, now.params, replace);
  }, []);
  const open = useCallback((/** @type {Params} */ params, /** @type {boolean} */ replace = false) => {
    show(readState(location.search), params, replace);
    if (replace) return;
    // As after loading another page: what was clicked may be gone.
    document.getElementById("main")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  return { ...found, go, open };
}

/** What a link does without leaving the page: a click with a key or another button is the browser's.
 * @param {() => void} open */
export const onPlainClick = (open) => (/** @type {MouseEvent} */ event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  open();
};
