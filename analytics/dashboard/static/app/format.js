// Numbers and times as people read them, one Intl object of each kind. Instants are shown in the site's time zone.
import { fieldName, locale, t } from "./words.js";

const zone = document.documentElement.dataset.zone || "UTC";
/** What stands for a figure that is not known. */
export const DASH = "–";

/** @param {Intl.NumberFormatOptions} [options] */
const number = (options) => new Intl.NumberFormat(locale, options);
/** @param {Intl.DateTimeFormatOptions} options */
const time = (options) => new Intl.DateTimeFormat(locale, { timeZone: zone, ...options });
/** @param {number} digits */
const fixed = (digits) => ({ minimumFractionDigits: digits, maximumFractionDigits: digits });

const whole = number();
const short = number({ notation: "compact", ...fixed(1) });
const two = number(fixed(2));
const tenths = number({ style: "percent", maximumFractionDigits: 1 });
const evenTenths = number({ style: "percent", ...fixed(1) });
const wholePercent = number({ style: "percent", maximumFractionDigits: 0 });
const day = time({ month: "short", day: "numeric" });
const dayOfYear = time({ month: "short", day: "numeric", year: "numeric" });
const weekday = time({ weekday: "short", month: "short", day: "numeric" });
const hour = time({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const month = time({ month: "short", year: "numeric" });
const clock = time({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const regions = new Intl.DisplayNames(locale, { type: "region" });
const languages = new Intl.DisplayNames(locale, { type: "language" });

/** @typedef {number | null | undefined} Value */

/** Every digit. @param {Value} n */
export const exact = (n) => (n == null ? DASH : whole.format(n));
// Some languages, German for one, have no short form of thousands.
const shortFrom = short.formatToParts(10_000).some((part) => part.type === "compact") ? 10_000 : 1_000_000;
/** In full below 10,000, then as 10.1K. @param {Value} n */
export const count = (n) => (n == null ? DASH : n < shortFrom ? whole.format(n) : short.format(n));
const measuredNumber = number({ maximumSignificantDigits: 4 });
/** A number of any size: four digits, or as count. @param {Value} n */
export function measured(n) {
  if (n == null) return DASH;
  return Math.abs(n) >= shortFrom ? short.format(n) : (Math.abs(n) < 1000 ? measuredNumber : whole).format(n);
}
/** @param {Value} n */
export const percent = (n) => (n == null ? DASH : tenths.format(n));
/** A percentage, as reports on funnels have it. @param {Value} n */
export const rate = (n) => percent(n == null ? n : n / 100);
/** With a digit after the point also where it is 0, for numbers under each other. @param {Value} n */
export const evenPercent = (n) => (n == null ? DASH : evenTenths.format(n));
/** @param {Value} n */
export const ratio = (n) => (n == null ? DASH : two.format(n));
/** A part of a whole. @param {Value} n */
export function share(n) {
  if (n == null) return DASH;
  return n > 0 && n < 0.005 ? "<" + wholePercent.format(0.01) : wholePercent.format(n);
}
/** A change without its sign, at most >999 %. @param {number} n */
export const change = (n) => (Math.abs(n) >= 9.995 ? ">" + wholePercent.format(9.99) : wholePercent.format(Math.abs(n)));

/** Seconds as 9s, 1m 33s, 2h 05m or 3d 4h. @param {Value} seconds */
export function duration(seconds) {
  if (seconds == null) return DASH;
  const s = Math.round(seconds);
  const m = Math.floor(s / 60);
  const h = Math.floor(m / 60);
  if (h >= 48) return `${Math.floor(h / 24)}d ${h % 24}h`;
  if (h) return `${h}h ${two0(m % 60)}m`;
  return m ? `${m}m ${two0(s % 60)}s` : `${s}s`;
}

/** @param {number} n */
export const two0 = (n) => String(n).padStart(2, "0");

/** How each measure is written: short, in full, and whether more of it is good. */
/** @type {Record<string, { short: (n: Value) => string, long: (n: Value) => string, good: 1 | -1 }>} */
export const MEASURES = {
  visitors: { short: count, long: exact, good: 1 },
  visits: { short: count, long: exact, good: 1 },
  page_views: { short: count, long: exact, good: 1 },
  views_per_visit: { short: ratio, long: ratio, good: 1 },
  bounce_rate: { short: percent, long: percent, good: -1 },
  avg_visit_duration_s: { short: duration, long: duration, good: 1 },
  events: { short: count, long: exact, good: 1 },
  conversions: { short: count, long: exact, good: 1 },
  users: { short: count, long: exact, good: 1 },
  rate: { short: percent, long: percent, good: 1 },
};

/** A bucket's name on the axis. @param {string} ts @param {string} unit */
export function axis(ts, unit) {
  const format = { hour, month }[unit] ?? day;
  return format.format(Date.parse(ts));
}

/** A bucket's name in a tooltip or table. @param {string} ts @param {string} unit */
export function bucket(ts, unit) {
  const at = Date.parse(ts);
  if (unit === "hour") return `${weekday.format(at)}, ${hour.format(at)}`;
  if (unit === "month") return month.format(at);
  return unit === "week" ? t("weekOf", { day: day.format(at) }) : weekday.format(at);
}

/** The days of `[from, to)`, with the year where it is not this one. @param {string} from @param {string} to */
export function range(from, to) {
  const [start, end] = [Date.parse(from), Date.parse(to) - 1];
  const format = new Date(start).getFullYear() === new Date().getFullYear() ? day : dayOfYear;
  return format.formatRange(start, Math.max(start, end));
}

/** The days of `[from, to)`, with the year. @param {string} from @param {string} to */
export const datedRange = (from, to) => dayOfYear.formatRange(Date.parse(from), Math.max(Date.parse(from), Date.parse(to) - 1));

const calendarDay = time({ month: "short", day: "numeric", year: "numeric", timeZone: "UTC" });
/** Two days of a calendar, both included, in whatever zone it is. @param {string} from @param {string} to As YYYY-MM-DD. */
export const days = (from, to) => calendarDay.formatRange(Date.parse(from), Date.parse(to));

const dayTime = time({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
/** Day and time; of another year the day alone. @param {string} instant */
export function dayAndTime(instant) {
  const at = new Date(instant);
  return (at.getFullYear() === new Date().getFullYear() ? dayTime : dayOfYear).format(at);
}

/** The time of day. @param {string | number} at */
export const at = (at) => clock.format(new Date(at));

const moment = time({ dateStyle: "medium", timeStyle: "short" });
/** The day and the time. @param {string} instant */
export const when = (instant) => moment.format(new Date(instant));

const UNKNOWN = new Set(["country", "region", "city", "browser", "os", "device", "screen", "language"]);

const CHANNELS = new Set(["direct", "search", "social", "ai", "email", "paid", "referral", "internal"]);

/** A value of a dimension as it is shown. @param {string} dimension @param {string | null} value */
export function label(dimension, value) {
  if (value === null || value === "") {
    if (dimension === "source" || dimension === "referrer" || dimension === "channel") return t("direct");
    return t(UNKNOWN.has(dimension) ? "unknown" : "noValue");
  }
  if (dimension === "country") return named(regions, value);
  if (dimension === "language") return named(languages, value);
  if (dimension === "region" || dimension === "city") return value.slice(value.lastIndexOf("/") + 1);
  if (dimension === "referrer") return value.replace(/^https?:\/\//, "").replace(/\/$/, "");
  if (dimension === "channel" && CHANNELS.has(value)) return t(/** @type {Word} */ ("channel_" + value));
  return dimension === "device" ? value[0].toUpperCase() + value.slice(1) : value;
}

/** @param {Intl.DisplayNames} names @param {string} code */
function named(names, code) {
  try {
    return names.of(code) ?? code;
  } catch {
    return code;
  }
}

/** A condition in words, and its values apart. @param {Term} term */
export function describe(term) {
  if (term.segment !== undefined) return { name: t("segment"), values: term.segment };
  if (!term.field || !term.values) return { name: term.text, values: "" };
  const isEmpty = term.values.length === 1 && term.values[0] === "" && term.operator === "==";
  const values = term.values.map((one) => label(/** @type {string} */ (term.field), one)).join(` ${t("or")} `);
  const operator = t(/** @type {Word} */ (term.operator));
  return { name: `${fieldName(term.field)} ${isEmpty ? t("==") : operator}`, values };
}

/** @param {string} type */
export const typeName = (type) => (type === "page_view" ? t("pageView") : type);

/** A property's key, without the signs that escape. @param {string} property */
export const unescaped = (property) => property.replace(/\\(.)/g, "$1");
