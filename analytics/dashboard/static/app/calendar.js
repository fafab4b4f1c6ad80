// The days, ISO weeks and months of a calendar as people read them, in whatever zone it is.
import { locale } from "./words.js";

const calendarFormats = [
  { weekday: "short", month: "short", day: "numeric" }, { month: "short", day: "numeric" },
  { month: "short", day: "numeric", year: "numeric" }, { month: "long", year: "numeric" },
  { month: "short", year: "numeric" },
].map((options) => new Intl.DateTimeFormat(locale, /** @type {Intl.DateTimeFormatOptions} */ ({ ...options, timeZone: "UTC" })));
/** The day, ISO week or month of a calendar that begins on a day. @param {string} day As YYYY-MM-DD. @param {string} unit */
export function calendarUnit(day, unit) {
  const [ofDay, ofWeek, ofOtherYear, ofMonth] = calendarFormats;
  const start = Date.parse(day);
  if (unit === "month") return ofMonth.format(start);
  const isThisYear = day.slice(0, 4) === String(new Date().getFullYear());
  if (unit === "day") return (isThisYear ? ofDay : ofOtherYear).format(start);
  return (isThisYear ? ofWeek : ofOtherYear).formatRange(start, start + 6 * 864e5);
}
/** Its name on an axis. @param {string} day @param {string} unit */
export const calendarTick = (day, unit) => calendarFormats[unit === "month" ? 4 : 1].format(Date.parse(day));
