// Which users the page of users lists: the group in its address, its words, and the bodies and addresses of the API.
import { days } from "../app/format.js";
import { nameOfStep } from "../app/funnel.js";
import { SITE, periodOf, reportQuery } from "../app/state.js";
import { t } from "../app/words.js";

/** @typedef {import("../app/params.js").Params} Params */
/** @typedef {import("../app/funnel.js").Funnel} Funnel */

/** The page, for links from the numbers of reports: the parameters are those of the API. */
export const USERS_PAGE = `/sites/${encodeURIComponent(SITE)}/users`;
/** The parameters of a group. dashboard/shell.py names them in the same order. */
export const GROUP = ["funnel", "step", "reached", "cohort", "unit", "offset", "goal", "exposure_type", "variant_property", "variant", "converted", "type"];
/** No group: everybody with an event. @type {Params} */
export const NO_GROUP = Object.fromEntries(GROUP.map((name) => [name, ""]));
const PAGE = "50";
const EVENTS = "100";

/** @param {Params} params */
const groupOf = (params) => Object.fromEntries(GROUP.filter((name) => params[name]).map((name) => [name, params[name]]));
/** @param {Params} params */
export const hasGroup = (params) => GROUP.some((name) => params[name]);

/** Site, period and filter; a cohort is its own period. @param {State} state @param {Params} params */
function queryOf(state, params) {
  const query = reportQuery(state);
  if (params.cohort) Object.keys(periodOf(state)[0]).forEach((name) => query.delete(name));
  return query;
}

/** The address of the list, as dashboard/shell.py builds it. @param {State} state @param {Params} params */
export function usersPath(state, params) {
  const query = queryOf(state, params);
  Object.entries(groupOf(params)).forEach(([name, value]) => query.set(name, value));
  query.set("limit", PAGE);
  return "reports/users?" + query;
}

/** The address of one user's events. @param {State} state @param {string} user */
export function timelinePath(state, user) {
  const query = reportQuery(state, "");
  query.set("user_id", user);
  query.set("limit", EVENTS);
  return "reports/users/timeline?" + query;
}

/** The order of a file with the same users. @param {State} state @param {Params} params */
export function bodyOfExport(state, params) {
  const { type, ...users } = groupOf(params);
  const period = params.cohort ? {} : periodOf(state)[0];
  const filter = { ...(state.filter && { where: state.filter }), ...(type && { type: [type] }) };
  return { site: SITE, what: "users", format: "csv", ...period, ...(period.days && { days: Number(period.days) }),
    ...(Object.keys(filter).length && { filter }), ...(Object.keys(users).length && { users }) };
}

/** The group in words. @param {Params} params @param {Funnel | null} funnel */
export function wordsOfGroup(params, funnel) {
  if (params.funnel) {
    const step = funnel?.steps[Number(params.step) - 1];
    const values = { step: step ? nameOfStep(step) : params.step, n: params.step, funnel: funnel?.name ?? "…" };
    return t(params.reached === "dropped" ? "groupDropped" : "groupReached", values);
  }
  if (params.cohort) {
    const values = { unit: t(/** @type {Word} */ ("unit_" + (params.unit || "day"))), day: days(params.cohort, params.cohort), n: params.offset };
    return t(Number(params.offset) ? "groupReturned" : "groupCohort", values, Number(params.offset));
  }
  if (params.goal) return t(params.converted === "true" ? "groupConverted" : params.converted ? "groupUnconverted" : "groupVariant",
    { variant: params.variant, goal: params.goal });
  return t("groupType", { type: params.type });
}

/** The page's address that the group came from; empty: it has none. @param {Params} params */
export const originOf = (params) => (params.funnel ? { page: "funnels", params: { funnel: params.funnel } } : null);

/** A filter that one user meets. @param {string} user */
export const filterOfUser = (user) => "user_id==" + user.replace(/[;|\\]/g, "\\$&");
