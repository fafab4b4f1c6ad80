// The state of a page is its address, so that back, forward, bookmarks and sent links show what was seen.
// dashboard/shell.py builds the query of a page's first request by the same rules, in the same order of parameters.
import { useCallback, useEffect, useState } from "../vendor/preact.js";

const root = document.documentElement;
export const SITE = root.dataset.site ?? "";
export const ZONE = root.dataset.zone || "UTC";
export const BASE = root.dataset.base ?? "";
/** The path of the shared overview, for a reader without an account; else empty. */
export const SHARED = root.dataset.shared ?? "";
export const IS_EMBEDDED = root.dataset.embedded !== undefined;
/** Dimensions that are not shown to such a reader (reports/responses/shared_reads.py). */
const HIDDEN = new Set(SHARED ? ["referrer", "city", "goals", "subject", "payload"] : []);
/** @param {string} dimension */
export const isShown = (dimension) => !HIDDEN.has(dimension);
/** What the reader may do. @param {string} scope */
export const may = (scope) => (root.dataset.scopes ?? "").split(" ").some((one) => one === scope || one === "admin");

const DAY_MS = 864e5;
const METRICS = ["visitors", "visits", "page_views", "views_per_visit", "bounce_rate", "avg_visit_duration_s"];
const DEFAULT_PERIOD = "28d";
/** The longest period that the API answers, and by granularity. */
export const MAX_DAYS = 3660;
/** @type {Record<string, number>} */
const MAX_DAYS_BY_UNIT = { hour: 31, day: 366 };
const UNITS = ["hour", "day", "week", "month"];

/** Today in the site's time zone, as YYYY-MM-DD. */
export const today = () => new Intl.DateTimeFormat("en-CA", { timeZone: ZONE }).format(new Date());
/** @param {string} day @param {number} days */
export const shift = (day, days) => new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);
/** Days from the first to the last, both included. @param {string} first @param {string} last */
export const length = (first, last) => Math.round((Date.parse(last) - Date.parse(first)) / DAY_MS) + 1;

/** Periods by name: the key that chooses one, and the parameters of the API. Whole weeks, so that Mondays meet Mondays. */
/** @type {{ name: Word, key: string, query: (today: string) => Record<string, string> }[]} */
export const PRESETS = [
  { name: "day", key: "T", query: () => ({ days: "1" }) },
  { name: "yesterday", key: "Y", query: (now) => ({ date: shift(now, -1) }) },
  { name: "7d", key: "W", query: () => ({ days: "7" }) },
  { name: "28d", key: "D", query: () => ({ days: "28" }) },
  { name: "91d", key: "Q", query: () => ({ days: "91" }) },
  { name: "month", key: "M", query: (now) => ({ from: firstOfMonth(now) }) },
  { name: "lastmonth", key: "L", query: lastMonth },
  { name: "year", key: "A", query: (now) => ({ from: now.slice(0, 4) + "-01-01" }) },
];

/** @param {string} day */
const firstOfMonth = (day) => day.slice(0, 8) + "01";

/** @param {string} now */
function lastMonth(now) {
  const last = shift(firstOfMonth(now), -1);
  return { from: firstOfMonth(last), to: last };
}

/** @param {string} text */
const isDay = (text) => /^[1-9]\d{3}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) && shift(text, 0) === text;

/** The first and the last day of a comparison with a range; null: it is another one. @param {string} compare
 * @returns {[string, string] | null} */
export function rangeOf(compare) {
  const [first, last, ...more] = compare.split("..");
  return isDay(first) && isDay(last ?? "") && !more.length ? [first, last] : null;
}

/** @param {string} compare */
const isComparison = (compare) => ["none", "year"].includes(compare) || rangeOf(compare) !== null;

/** @param {string} search @returns {State} */
export function readState(search) {
  const query = new URLSearchParams(search);
  const get = (/** @type {string} */ name) => query.get(name) ?? "";
  const isCustom = get("period") === "custom" && isDay(get("from")) && isDay(get("to"));
  const isPreset = PRESETS.some((one) => one.name === get("period"));
  return {
    period: isCustom ? "custom" : isPreset ? get("period") : DEFAULT_PERIOD,
    from: isCustom ? get("from") : "",
    to: isCustom ? get("to") : "",
    compare: isComparison(get("compare")) ? get("compare") : "previous",
    unit: get("unit"),
    metric: METRICS.includes(get("metric")) ? get("metric") : METRICS[0],
    filter: get("filter"),
    view: get("view") === "table" ? "table" : "chart",
  };
}

/** The page's address, without what is the default. @param {State} state */
export function writeState(state) {
  const query = new URLSearchParams();
  if (state.period !== DEFAULT_PERIOD) query.set("period", state.period);
  if (state.period === "custom") {
    query.set("from", state.from);
    query.set("to", state.to);
  }
  if (state.compare !== "previous") query.set("compare", state.compare);
  if (state.unit) query.set("unit", state.unit);
  if (state.metric !== METRICS[0]) query.set("metric", state.metric);
  if (state.filter) query.set("filter", state.filter);
  if (state.view !== "chart") query.set("view", state.view);
  const theme = IS_EMBEDDED && new URLSearchParams(location.search).get("theme");
  if (theme) query.set("theme", theme);
  const text = query.toString();
  return location.pathname + (text ? "?" + text : "");
}

/** The period's parameters and its length. @param {State} state @returns {[Record<string, string>, number]} */
export function periodOf(state) {
  const now = today();
  const preset = PRESETS.find((one) => one.name === state.period);
  const query = preset ? preset.query(now) : { from: state.from, to: state.to };
  if (query.days) return [query, Number(query.days)];
  return [query, query.date ? 1 : length(query.from, query.to ?? now)];
}

/** The period's first and last day. @param {State} state @returns {[string, string]} */
export function daysOf(state) {
  const [query, days] = periodOf(state);
  const last = query.to ?? query.date ?? today();
  return [shift(last, 1 - days), last];
}

/** The days of the range that the period is compared with, if any. @param {State} state */
function comparedDays(state) {
  const range = rangeOf(state.compare);
  return range ? length(...range) : 0;
}

/** The granularities that make a readable chart of the period, and that the API accepts. @param {State} state */
export function unitsOf(state) {
  const [, days] = periodOf(state);
  /** @type {Record<string, boolean>} */
  const isReadable = { hour: true, day: days > 2, week: days > 13, month: days > 59 };
  return UNITS.filter((unit) => isReadable[unit] && isAccepted(unit, Math.max(days, comparedDays(state))));
}

/** @param {string} unit @param {number} days */
const isAccepted = (unit, days) => days <= (MAX_DAYS_BY_UNIT[unit] ?? Infinity);

/** The chosen granularity where it fits, else the one that suits. @param {State} state */
export function unitOf(state) {
  if (unitsOf(state).includes(state.unit)) return state.unit;
  const [, days] = periodOf(state);
  const suiting = days <= 2 ? "hour" : days <= 92 ? "day" : days <= 200 ? "week" : "month";
  const longer = UNITS.slice(UNITS.indexOf(suiting));
  return /** @type {string} */ (longer.find((unit) => isAccepted(unit, comparedDays(state))));
}

/** Site, period and filter: what every report of the page takes. @param {State} state @param {string} [filter] */
export function reportQuery(state, filter = state.filter) {
  const query = new URLSearchParams({ site: SITE, ...periodOf(state)[0] });
  if (filter) query.set("filter", filter);
  return query;
}

/** The state of the address and `go`, which changes it; `replace`: without a step for the back button.
 * @returns {[State, Go]} */
export function useAddress() {
  const [state, setState] = useState(() => readState(location.search));
  useEffect(() => {
    const read = () => setState(readState(location.search));
    addEventListener("popstate", read);
    return () => removeEventListener("popstate", read);
  }, []);
  const go = useCallback((/** @type {Partial<State>} */ change, /** @type {boolean} */ replace = false) => {
    const next = { ...readState(location.search), ...change };
    history[replace ? "replaceState" : "pushState"](history.state, "", writeState(next));
    setState(readState(location.search));
  }, []);
  return [state, go];
}

/** A choice that is worth no address, such as the tab of a panel. It is kept with the step of the history.
 * @param {string} name @returns {[number, (at: number) => void]} */
export function useKept(name) {
  const read = () => Number(history.state?.[name] ?? 0);
  const [at, setAt] = useState(read);
  useEffect(() => {
    const onBack = () => setAt(read());
    addEventListener("popstate", onBack);
    return () => removeEventListener("popstate", onBack);
  }, []);
  const choose = (/** @type {number} */ next) => {
    history.replaceState({ ...history.state, [name]: next }, "");
    setAt(next);
  };
  return [at, choose];
}
