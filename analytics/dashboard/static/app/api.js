// Requests to the API: the session's cookie, problem+json errors, the last answer of each address, code loaded on demand.
import { useCallback, useEffect, useRef, useState } from "../vendor/preact.js";
import { SHARED, SITE, isShown, periodOf, unitOf } from "./state.js";
import { t } from "./words.js";

const API = "/api/analytics/";
/** A share link is a parameter, which a preload can have too; every path of a shared page has a query. */
const token = document.documentElement.dataset.token;
const CREDENTIAL = token ? "&share=" + encodeURIComponent(token) : "";
const KEPT_ANSWERS = 20;
/** @type {Map<string, unknown>} */
const answers = new Map();

/** What the overview asks for. The order is the order of the parameter `lists`, which shell.py repeats. */
const LISTS = [
  "path", "entry_path", "exit_path", "channel", "source", "referrer", "utm_campaign", "utm_source",
  "country", "region", "city", "browser", "os", "device", "type", "goals", "busiest_hours",
];
export const ROWS = 9;

/**
 * The address of the overview's request. The shell preloads the same one, so the parameters have a fixed order: site,
 * the period, granularity, compare, filter, lists, measures, limit.
 * @param {State} state
 */
export function overviewPath(state) {
  const query = new URLSearchParams({ site: SITE, ...periodOf(state)[0], granularity: unitOf(state) });
  if (state.compare !== "none") query.set("compare", state.compare);
  if (state.filter) query.set("filter", state.filter);
  query.set("lists", LISTS.filter(isShown).join());
  query.set("measures", "visitors,visits,events");
  query.set("limit", String(ROWS));
  return "reports/overview?" + query;
}

/** The request of the page of all sites; the shell preloads it too. */
export const SITES_PATH = "reports/overview/sites?days=28&compare=previous&limit=100";

/** @param {string} path @returns {string} */
export const address = (path) => API + path;

/**
 * The JSON of a path behind /api/analytics/. Throws a Failure.
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export function get(path, signal) {
  return request(path, { signal });
}

/**
 * Sends JSON with the CSRF token. Throws a Failure.
 * @param {"POST" | "PUT" | "PATCH" | "DELETE"} method
 * @param {string} path
 * @param {unknown} [body]
 */
export function send(method, path, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": document.documentElement.dataset.csrf ?? "" };
  return request(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

/** @param {string} path @param {RequestInit} options */
async function request(path, options) {
  const response = await fetch(API + path + CREDENTIAL, { credentials: "same-origin", ...options });
  if (response.status === 401 && !SHARED) signIn(options.method !== undefined || isInForm());
  if (!response.ok) throw failure(response, await response.json().catch(() => ({})));
  // What was cut off on the way is no answer: it fails here, not in the page that reads it.
  return response.status === 204 ? {} : response.json();
}

/** Whether the reader may be filling in a form. */
const isInForm = () => document.querySelector("dialog[open], form:focus-within") !== null;

/** The session has ended: the sign-in page brings the reader back. With `isKept` nothing takes what is in a form away: throws
 * a Failure that says how to go on. @param {boolean} [isKept] */
export function signIn(isKept = isInForm()) {
  if (isKept) throw { message: t("signedOut"), status: 401 };
  location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
}

/** @param {Response} response @param {any} body @returns {Failure} */
function failure(response, body) {
  const code = body.errors?.[0]?.code ?? body.code;
  // A report that took too long proposes a shorter period: "for example days=7".
  const days = /\bdays=(\d+)/.exec(code === "too_slow" || code === "too_large" ? body.detail : "")?.[1];
  const message = body.detail ?? response.statusText;
  return { message, status: response.status, code, days: days ? Number(days) : undefined };
}

/**
 * The report of a path. While a new one loads the old one stays; an earlier request is aborted; an address that was seen
 * before shows its last answer at once. An empty path asks nothing.
 * @template T
 * @param {string} path
 * @returns {Report<T>}
 */
export function useReport(path) {
  /** @typedef {Omit<Report<T>, "retry">} Shown */
  const [report, setReport] = useState(() => /** @type {Shown} */ ({ data: kept(path), isBusy: true, error: null, took: 0 }));
  const [attempt, setAttempt] = useState(0);
  const retry = useCallback(() => setAttempt((n) => n + 1), []);
  const shown = useRef("");
  useEffect(() => {
    if (!path) return undefined;
    const abort = new AbortController();
    const started = performance.now();
    const isNew = shown.current !== path;
    shown.current = path;
    setReport((old) => ({ ...old, data: (isNew && kept(path)) || old.data, isBusy: true }));
    get(path, abort.signal).then(
      (data) => {
        keep(path, data);
        setReport({ data, isBusy: false, error: null, took: performance.now() - started });
      },
      (error) => error.name !== "AbortError" && setReport((old) => ({ ...old, isBusy: false, error: described(error) })),
    );
    return () => abort.abort();
  }, [path, attempt]);
  return { ...report, retry };
}

/** Browsers name a lost connection each in its own words, which say no more. @param {any} error @returns {Failure} */
const described = (error) => (error.status ? error : { message: "" });

/** Forgets the last answers, after something was changed that they show. */
export const forgetAnswers = () => answers.clear();

/** @param {string} path @returns {any} */
function kept(path) {
  return answers.get(path) ?? null;
}

/** @param {string} path @param {unknown} data */
function keep(path, data) {
  answers.delete(path);
  answers.set(path, data);
  if (answers.size > KEPT_ANSWERS) answers.delete(/** @type {string} */ (answers.keys().next().value));
}

/**
 * What a module exports, once it is wanted and has arrived.
 * @template T
 * @param {boolean} isWanted
 * @param {() => Promise<T>} load
 * @returns {T | null}
 */
export function useModule(isWanted, load) {
  const [loaded, setLoaded] = useState(/** @type {T | null} */ (null));
  useEffect(() => {
    if (isWanted && !loaded) load().then((module) => setLoaded(() => module), () => {});
  }, [isWanted]);
  return loaded;
}
