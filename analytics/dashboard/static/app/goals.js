// Goals as the API has them, in words, and amounts of money.
import { exact, typeName } from "./format.js";
import { locale, t } from "./words.js";

/** @typedef {{ currency: string | null, amount: string, conversions: number }} Amount */
/** @typedef {{ property?: string, amount?: string, currency?: string, currency_property?: string }} Worth */
/** @typedef {{ type: string, path: string | null, filter: string | null, value: Worth | null }} Definition */
/** @typedef {{ conversions: number | null, users: number | null, active_users: number | null, rate: number | null,
 *   amounts?: Amount[], without_amount?: number }} Conversions */
/** @typedef {Record<"conversions" | "users" | "active_users" | "rate", number | null>} Growth */
/** @typedef {Definition & { id: string, name: string }} StoredGoal */
/** @typedef {StoredGoal & Conversions & { previous?: Conversions, change?: Growth }} GoalRow */

export const PAGE_VIEW = "page_view";

/** Which events are conversions. @param {Definition} goal */
export function wordsOfGoal({ type, path, filter }) {
  const isPage = type === PAGE_VIEW && path;
  const what = isPage ? t("ofPage", { path }) : path ? t("ofEventOnPage", { type, path }) : t("ofEvent", { type: typeName(type) });
  return filter ? `${what}, ${t("withFilter")}` : what;
}

/** The exact sum as it is written in its currency; what names no known one has the text behind the number.
 * @param {Amount} one */
export function money({ currency, amount }) {
  const number = /** @type {any} */ (amount);
  try {
    if (currency) return new Intl.NumberFormat(locale, { style: "currency", currency }).format(number);
  } catch {
    // No currency that the browser knows.
  }
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 2 }).format(number) + (currency ? ` ${currency}` : "");
}

/** @param {Conversions} counts */
export const amountsOf = (counts) => counts.amounts?.length ? counts.amounts.map(money).join(", ") : "";

/** @param {Conversions} counts */
export const withoutAmount = (counts) => counts.without_amount ? t("worthNothing", { n: exact(counts.without_amount) }) : "";

/** How to send an event: for those who have sent none. @param {string} [type] */
export const snippets = (type = "signup") => [
  { label: t("trackCall"), text: `analytics(${JSON.stringify(type)}, { plan: "pro" });` },
  { label: t("trackSdk"), text: `client.track(${JSON.stringify(type)}, { plan: "pro" });` },
  { label: t("trackMarkup"), text: `<button data-analytics-event="${attribute(type)}" data-analytics-plan="pro">…</button>` },
];

/** @param {string} text */
const attribute = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

/** @param {URLSearchParams} query @param {State} state */
export const withCompare = (query, state) => query + (state.compare === "none" ? "" : "&compare=" + state.compare);
