// What a file of an export holds: the form's values, the body of the API that they make, and the words for it. No
// markup.
import { describe, range } from "../app/format.js";
import { PRESETS, SITE, ZONE, readState, today } from "../app/state.js";
import { locale, t } from "../app/words.js";
import { parseFilter } from "./filters.js";

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {"events" | "samples" | "report" | "users"} What */
/** @typedef {{ what: What, format: string, compression: string, period: string, from: string, to: string,
 *   types: string, names: string,
 *   bots: boolean, where: string, columns: string[], report: string, dimension: string, unit: string, callback: string,
 *   every: string, at: string, group: "all" | "funnel" | "cohort" | "goal", users: Record<string, string> }} Order
 *   `every`: empty for one file now. `users`: fields of the group, as the API names them. */
/** The request of a job or a schedule, as the API shows it. @typedef {{ what: string, format: string,
 *   compression: string, start?: string, end?: string,
 *   zone: string, columns: string[], types?: string[], names?: string[], user_id?: string | null,
 *   include_bots?: boolean, where?: string,
 *   where_sent?: string, report?: string, dimension?: string, unit?: string, callback_url?: string | null,
 *   tags?: Record<string, string>,
 *   users?: Record<string, unknown> }} Requested */

/** The columns of files, in their order: analytics/reports/events/raw_export.py, exports/sources/raw_rows.py, users.py.
 *   @type {Record<string, string[]>} */
export const COLUMNS = {
  events: [
    "event_id", "ts", "received_at", "type", "user_id", "session_id", "src", "subject", "path", "referrer", "source",
      "country", "region", "city",
    "browser", "os", "device", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "ip", "is_bot",
      "payload", "hostname",
    "language", "screen", "channel",
  ],
  samples: ["sample_id", "ts", "received_at", "name", "value", "kind", "tags"],
  users: ["user_id", "first_seen_at", "last_seen_at", "events", "page_views", "visits"],
};
export const FORMATS = ["csv", "ndjson", "xlsx", "parquet"];
export const COMPRESSED = ["csv", "ndjson"];
export const EVERY = ["day", "week", "month"];
/** Reports, the units that their rows may have, and whether their events can be limited to types.
 *   @type {Record<string, { units: string[], hasTypes: boolean, hasBots: boolean }>} */
export const REPORTS = {
  summary: { units: ["day", "week", "month", "period"], hasTypes: false, hasBots: true },
  breakdown: { units: ["day", "week", "month", "period"], hasTypes: true, hasBots: true },
  dau: { units: [], hasTypes: true, hasBots: true },
  retention: { units: ["day", "week", "month"], hasTypes: true, hasBots: true },
  metrics: { units: [], hasTypes: false, hasBots: false },
};
export const DIMENSIONS = [
  "path", "entry_path", "exit_path", "hostname", "channel", "source", "referrer", "utm_source", "utm_medium",
    "utm_campaign", "utm_term", "utm_content",
  "country", "region", "city", "language", "browser", "os", "device", "screen",
];

/** @type {Order} */
export const FIRST_ORDER = {
  what: "events", format: "csv", compression: "none", period: "28d", from: "", to: "", types: "", names: "",
    bots: true, where: "", columns: [],
  report: "summary", dimension: "path", unit: "day", callback: "", every: "", at: "06:00",
  group: "all", users: {},
};

/** The parameters of the period; without any, the file has everything that is stored. @param {Order}
 *   order @returns {Record<string, string | number>} */
export function periodOfOrder(order) {
  if (order.period === "all") return {};
  if (order.period === "custom") return { from: order.from, ...(order.to && { to: order.to }) };
  const query = PRESETS.find((one) => one.name === order.period)?.query(today()) ?? {};
  return query.days ? { days: Number(query.days) } : query;
}

/** @param {string} text */
const list = (text) => text.split(",").map((one) => one.trim()).filter(Boolean);

/** Whether a part of the form applies. @param {Order} order */
export function partsOf({ what, report, group }) {
  const chosen = REPORTS[report];
  const hasRows = what === "events" || what === "users";
  const isCohort = what === "users" && group === "cohort";
  return {
    hasTypes: what === "users" ? group === "all" || isCohort : hasRows || (what === "report" && chosen.hasTypes),
    hasBots: hasRows || (what === "report" && chosen.hasBots),
    hasWhere: hasRows,
    // The period of a cohort is its unit.
    hasPeriod: !isCohort,
    units: what === "report" ? chosen.units : [],
  };
}

/** The body of POST /api/analytics/exports; of a schedule without the period. @param {Order}
 *   order @returns {Record<string, unknown>} */
export function bodyOfOrder(order) {
  const { hasTypes, hasBots, hasWhere, hasPeriod, units } = partsOf(order);
  /** @type {Record<string, unknown>} */
  const filter = {};
  if (hasTypes && list(order.types).length) filter.type = list(order.types);
  if (hasBots) filter.include_bots = order.bots;
  if (hasWhere && order.where) filter.where = order.where;
  if (order.what === "samples" && list(order.names).length) filter.name = list(order.names);
  return {
    site: SITE,
    what: order.what,
    format: order.format,
    ...(COMPRESSED.includes(order.format) && { compression: order.compression }),
    ...(!order.every && hasPeriod && periodOfOrder(order)),
    ...(order.what === "users" && order.group !== "all" && { users: groupOf(order) }),
    ...(Object.keys(filter).length && { filter }),
    ...(order.columns.length && COLUMNS[order.what] && { columns: order.columns }),
    ...(order.what === "report" && { report: order.report, ...(units.length && { unit: order.unit }) }),
    ...(order.what === "report" && order.report === "breakdown" && { dimension: order.dimension }),
    ...(order.callback && { callback_url: order.callback }),
  };
}

/** Whether the group has all fields that it needs. @param {Order} order */
export const isGroupComplete = ({ users }) => Object.entries(users).every(([name, text]) => text || name === "converted");

/** The fields of the group that have a value. @param {Order} order */
const groupOf = ({ users }) => Object.fromEntries(Object.entries(users).filter(([, text]) => text));

/** The body that orders the same file again. @param {Requested} request @param {string | null}
 *   callback @returns {Record<string, unknown>} */
export function bodyOfRequest(request, callback) {
  const { what, types, names, tags, user_id, include_bots, where, where_sent } = request;
  const filter = {
    ...(types?.length && { type: types }), ...(names?.length && { name: names }), ...(tags && { tags }), ...(user_id
      && { user_id }),
    ...((where_sent ?? where) && { where: where_sent ?? where }),
    ...(what !== "samples" && request.report !== "metrics" && { include_bots }),
  };
  return {
    site: SITE, what, format: request.format, compression: request.compression,
    ...(!request.users?.cohort && { from: request.start, to: request.end, ...(what !== "report" && { zone: request.zone }) }), ...(Object.keys(filter).length && { filter }),
      ...(request.columns.length && { columns: request.columns }),
    ...(request.report && { report: request.report }), ...(request.dimension && { dimension: request.dimension }),
      ...(request.unit && { unit: request.unit }),
    ...(request.users && { users: request.users }), ...(callback && { callback_url: callback }),
  };
}

/** For the filter's parts of other pages: a state of a page with this filter, and a period for its suggestions.
 *   @param {Order} order @returns {State} */
export function stateOfOrder(order) {
  const isPeriod = order.period !== "all" && (order.period !== "custom" || order.from);
  return { ...readState(""), ...(isPeriod ? { period: order.period, from: order.from, to: order.to || today() }
    : { period: "91d" }), filter: order.where };
}

/** A request in words: what, format, period, filter. @param {Requested} request @returns {string[]} */
export function wordsOfRequest(request) {
  const what = request.what === "report" && request.report
    ? t(/** @type {Word} */ ("report_" + request.report)) : WHATS.includes(request.what)
    ? t(/** @type {Word} */ ("what_" + request.what)) : request.what;
  const format = request.format.toUpperCase() + (request.compression === "none" ? "" : `, ${request.compression}`);
  const terms = parseFilter(request.where_sent ?? request.where ?? "").map(describe);
  const filter = terms.map((term) => `${term.name} ${term.values}`.trim());
  return [
    request.dimension ? `${what}: ${request.dimension}` : what, format, request.start && request.end
      ? range(request.start, request.end) : "",
    ...wordsOfGroup(request.users ?? {}), ...(request.types ?? []), ...(request.names ?? []), ...filter,
  ].filter(Boolean);
}

/** @param {Record<string, unknown>} users */
function wordsOfGroup({ step, reached, cohort, offset, variant, converted }) {
  const kind = reached === "dropped" ? t("reached_dropped") : "";
  return [
    step ? t("groupOfStep", { step: String(step) }) : "", kind, cohort ? t("groupOfCohort", { day: String(cohort) }) : "",
    offset ? `+${offset}` : "", variant ? t("groupOfVariant", { variant: String(variant) }) : "",
    converted === undefined ? "" : t(converted ? "converted_true" : "converted_false"),
  ];
}
const WHATS = ["events", "samples", "report", "subject", "users"];

const moment = new Intl.DateTimeFormat(locale, { timeZone: ZONE, dateStyle: "medium", timeStyle: "short" });
/** @param {string} instant */
export const when = (instant) => moment.format(new Date(instant));

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];
/** @param {number | null} bytes */
export function size(bytes) {
  if (bytes == null) return "";
  const step = Math.min(UNITS.length - 1, bytes ? Math.floor(Math.log(bytes) / Math.log(1000)) : 0);
  return new Intl.NumberFormat(locale, { style: "unit", unit: UNITS[step], unitDisplay: step ? "short" : "long",
    maximumFractionDigits: step ? 1 : 0 }).format(bytes / 1000 ** step);
}
