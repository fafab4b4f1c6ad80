// All words that a page shows, English here and German in words_de.js, which is loaded only where it is chosen.
// A word with a number has one text for each plural form of the language.

const en = {
  // Frame
  skipSites: "Sites", overview: "Overview", traffic: "Traffic", menu: "Menu", close: "Close", signOut: "Sign out",
  themeLight: "Theme: light", themeDark: "Theme: dark", themeSystem: "Theme: system", language: "Deutsch",
  keys: "Keyboard shortcuts", allSites: "All sites", live: "Live",
  online: { one: "online now", other: "online now" },
  onlineTitle: "People with a page view in the last five minutes; the bars are the last 30 minutes",
  // Period and comparison
  period: "Period", day: "Today", yesterday: "Yesterday", "7d": "Last 7 days", "28d": "Last 4 weeks",
  "91d": "Last 13 weeks",
  month: "Month to date", lastmonth: "Last month", year: "Year to date", from: "From", to: "To", apply: "Apply",
  compare: "Compare", comparePrevious: "Previous period", compareYear: "Same dates last year",
  compareNone: "No comparison", compareCustom: "Compare with other days", otherDays: "Other days",
  rangeMissing: "Choose both days.", rangeReversed: "The first day is after the last one.",
  rangeFuture: "These days are yet to come: choose none after {day}.", rangeLong: "Choose {n} days at most.",
  interval: "Interval", hourUnit: "Hour", dayUnit: "Day", weekUnit: "Week", monthUnit: "Month", weekOf: "Week of {day}",
  // Key figures
  visitors: "Visitors", visits: "Visits", page_views: "Page views", views_per_visit: "Views per visit",
  bounce_rate: "Bounce rate",
  avg_visit_duration_s: "Visit duration", events: "Events", fromValue: "from {value}", up: "up", down: "down",
  figures: "Measure in the chart",
  // Chart
  chartLabel: "{measure} by {unit}: {value} in all. Left and right arrow keys read the values, Enter opens one.",
  soFar: "so far", asTable: "Show as table", asChart: "Show as chart", csv: "Download CSV", date: "Date",
  before: "Before",
  // Notes
  notes: "Notes", addNote: "Add a note", editNote: "Change the note", noteText: "Note", edit: "Change: {text}",
  deleteNote: "Delete: {text}", noteSaved: "Note saved: {day}", noteDeleted: "Note deleted", undo: "Undo",
  noteMark: { one: "Note: {text}", other: "{n} notes: {text}" },
  // Lists
  topPages: "Top pages", entryPages: "Entry", exitPages: "Exit", channels: "Channels", sources: "Sources",
  referrers: "Referrers",
  campaigns: "Campaigns", more: "More", map: "Map", countries: "Countries", regions: "Regions", cities: "Cities",
  browsers: "Browsers",
  systems: "Systems", devices: "Devices", screens: "Screens", languages: "Languages", goals: "Goals",
  customEvents: "Events",
  pages: "Pages", locations: "Locations", goalsAndEvents: "Goals & events", busiestHours: "Busiest hours",
  share: "Share", details: "Details", inAll: { one: "{n} in all", other: "{n} in all" },
  countryCount: { one: "{n} country", other: "{n} countries" },
  filterBy: "{value}: filter by this", unfilter: "{value}: remove this filter", nothing: "Nothing here",
  nothingText: "No data of this kind in this period.",
  noGoals: "No goals yet", noGoalsText: "A goal counts the people who did something: POST /api/analytics/goals.",
  goal: "Goal", conversions: "Conversions", rate: "Rate", notCounted: "In the goal's own report only",
  channel_direct: "Direct", channel_search: "Search", channel_social: "Social", channel_ai: "AI", channel_email: "Email",
  channel_paid: "Paid", channel_referral: "Referral", channel_internal: "Internal",
  direct: "Direct / none", unknown: "Unknown", noValue: "None",
  mapLabel: "World map of visitors. {top}", busiest: "Busiest: {day} {hour}",
  heatLabel: "Page views by weekday and hour. Busiest: {day} {hour}.",
  heatCell: "{day} {hour}: {n} page views", search: "Search", searchIn: "Search in {name}", showMore: "Show more",
  views: "Views",
  // Fields of filters
  path: "Page", entry_path: "Entry page", exit_path: "Exit page", hostname: "Hostname", channel: "Channel",
  source: "Source",
  referrer: "Referrer", utm_campaign: "Campaign", utm_source: "UTM source", utm_medium: "UTM medium",
  utm_term: "UTM term", utm_content: "UTM content",
  country: "Country", region: "Region", city: "City", browser: "Browser", os: "System", device: "Device",
  screen: "Screen", languageField: "Language",
  type: "Event", subject: "Subject", property: "Property", user_id: "User", session_id: "Session", src: "Link",
  payload: "Property",
  // Filters
  filter: "Filter", filters: "Filters", addFilter: "Add a filter", editFilter: "Change the filter",
  removeFilter: "Remove: {name}", clearFilters: "Clear filters",
  field: "Field", operator: "Condition", value: "Value", values: "Values", anotherValue: "One more value",
  valueHint: "Type or choose; Enter adds one more",
  unknownValue: "Unknown in this period: {value}",
  remove: "Remove {value}", propertyName: "Name of the property", cancel: "Cancel",
  "==": "is", "!=": "is not", "=~": "contains", "!~": "does not contain", "=^": "begins with",
  "!^": "does not begin with", empty: "is empty", notEmpty: "is not empty",
  or: "or", segment: "Segment", segments: "Saved segments", noSegments: "No saved segments",
  segmentInside: "To save a segment, remove the one in the filter: no segment holds another.",
  saveSegment: "Save as segment", segmentName: "Name of the segment", save: "Save",
  // States
  emptyTitle: "No page views in this period", emptyFiltered: "No page views meet these filters",
  emptyText: "Choose a longer period.",
  emptySite: "No events yet", emptySiteText: "Figures appear here seconds after the first event.",
  install: "How to send events",
  copy: "Copy", copied: "Copied",
  problem: "The report could not be made", offline: "The server does not answer", tryAgain: "Try again",
  signedOut: "Your session has ended. Sign in in another tab, then try again here.",
  lastDays: { one: "Show the last day", other: "Show the last {n} days" },
  completeThrough: "Complete through {time}", shownAsOf: "Shown: {period}, as of {time}", zone: "Time zone {zone}",
  rollup: "From exact rollups", raw: "From single events",
  took: "Loaded in {time}", distinct: "Visitors are distinct people: counted as sets, never summed",
  noSites: "No sites", noSitesText: "This account may read no site.",
  // Paper
  paperTitle: "Website statistics", comparedWith: "compared with {period}", asOf: "As of {time} ({zone})",
  // Pages for readers without an account
  shareSite: "Share", openShared: "Open in Analytics", sharedPages: "Pages",
  // Help
  // Of several pages
  unit_day: "day", unit_week: "week", unit_month: "month", unit_period: "whole period",
  pageView: "Page view", properties: "Properties", deleteWord: "Delete",
  inPeriod: "in this period",
  helpTitle: "Keyboard shortcuts", help: "This help", goTo: "Go to {name}",
  // Pages, and their group in the side bar
  behaviour: "Behaviour", funnels: "Funnels", retention: "Retention", journeys: "Journeys", users: "Users",
  samples: "Samples", experiments: "Experiments",
  data: "Data", realtime: "Realtime", links: "Links", exports: "Exports", operations: "Operations", settings: "Settings", start: "Install",
};

/** @typedef {typeof en} Words */
/** @typedef {keyof Words | keyof import("./words_pages.js").PageWords
 *   | keyof import("./words_insights.js").InsightWords
 *   | keyof import("./words_operations.js").OperationsWords
 *   | keyof import("./words_funnels.js").FunnelWords
 *   | keyof import("./words_events.js").EventWords
 *   | keyof import("./words_settings.js").SettingsWords} Word */

const LANGUAGES = ["en", "de"];
const wished = [stored("language"), ...navigator.languages].filter((one) => one !== null);

/** The language of the page: the chosen one, else the browser's first that is known. */
export const language = wished.map(base).find((one) => LANGUAGES.includes(one)) ?? "en";
/** The language with its region, which decides how numbers and dates are written. */
export const locale = navigator.languages.find((one) => base(one) === language) ?? language;

/** @type {Words} */
let words = en;
const plural = new Intl.PluralRules(language);

/** Loads the words of the page's language. Call it before the first `t`. */
export async function loadWords() {
  document.documentElement.lang = locale;
  if (language === "de") words = (await import("./words_de.js")).de;
}

/**
 * The text of a word with its values put in. `n` also chooses the plural form.
 * @param {Word} word
 * @param {Record<string, string | number>} [values]
 * @param {number} [n]
 */
export function t(word, values = {}, n = 0) {
  const found = words[/** @type {keyof Words} */ (word)] ?? more[word] ?? word;
  const text = typeof found === "string" ? found : found[plural.select(n) === "one" ? "one" : "other"];
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** The name of a dimension or field. `language` is taken by the name of the other language. @param {string} field */
export function fieldName(field) {
  if (field.startsWith("payload.")) return field.slice("payload.".length);
  return t(/** @type {Word} */ (field === "language" ? "languageField" : Object.hasOwn(words, field) ? field : "property"));
}

/** Changes to the other language, which needs a new page. */
export function switchLanguage() {
  localStorage.setItem("language", language === "de" ? "en" : "de");
  location.reload();
}

/** @param {string} name */
function base(name) {
  return name.slice(0, 2).toLowerCase();
}

/** @param {string} name */
function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** @typedef {Record<string, string | { one: string, other: string }>} MoreWords */
/** Words of the pages beside the overview. @type {MoreWords} */
const more = {};
/** Adds the words of some pages. @param {MoreWords} words */
export const addWords = (words) => void Object.assign(more, words);
