// The English words that several pages show.
// A word with a number has one text for each plural form of the language.

export const en = {
  // Frame
  skipSites: "Sites", traffic: "Traffic", menu: "Menu", close: "Close", signOut: "Sign out",
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
  addNote: "Add a note", edit: "Change: {text}",
  undo: "Undo",
  // Lists
  sources: "Sources",
  more: "More", map: "Map", countries: "Countries", regions: "Regions", cities: "Cities",
  browsers: "Browsers",
  systems: "Systems", devices: "Devices", goals: "Goals",
  pages: "Pages", locations: "Locations",
  share: "Share", details: "Details", inAll: { one: "{n} in all", other: "{n} in all" },
  countryCount: { one: "{n} country", other: "{n} countries" },
  filterBy: "{value}: filter by this", unfilter: "{value}: remove this filter", nothing: "Nothing here",
  nothingText: "No data of this kind in this period.",
  noGoals: "No goals yet", noGoalsText: "A goal counts the people who did something: POST /api/analytics/goals.",
  goal: "Goal", conversions: "Conversions", rate: "Rate", notCounted: "In the goal's own report only",
  channel_direct: "Direct", channel_search: "Search", channel_social: "Social", channel_ai: "AI", channel_email: "Email",
  channel_paid: "Paid", channel_referral: "Referral", channel_internal: "Internal",
  direct: "Direct / none", unknown: "Unknown", noValue: "None",
  mapLabel: "World map of visitors. {top}",
  search: "Search", searchIn: "Search in {name}", showMore: "Show more",
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
  field: "Field", value: "Value", values: "Values",
  remove: "Remove {value}", cancel: "Cancel",
  "==": "is", "!=": "is not", "=~": "contains", "!~": "does not contain", "=^": "begins with",
  "!^": "does not begin with", empty: "is empty",
  or: "or", segment: "Segment", segments: "Saved segments", noSegments: "No saved segments",
  segmentInside: "To save a segment, remove the one in the filter: no segment holds another.",
  saveSegment: "Save as segment", save: "Save",
  // States
  emptyTitle: "No page views in this period",
  emptyText: "Choose a longer period.",
  emptySite: "No events yet",
  install: "How to send events",
  copy: "Copy", copied: "Copied",
  problem: "The report could not be made", offline: "The server does not answer", tryAgain: "Try again",
  signedOut: "Your session has ended. Sign in in another tab, then try again here.",
  lastDays: { one: "Show the last day", other: "Show the last {n} days" },
  completeThrough: "Complete through {time}", shownAsOf: "Shown: {period}, as of {time}", zone: "Time zone {zone}",
  took: "Loaded in {time}",
  noSites: "No sites", noSitesText: "This account may read no site.",
  // Pages for readers without an account
  openShared: "Open in Analytics", sharedPages: "Pages",
  // Of several pages
  referrers: "Referrers", unit_day: "day", unit_week: "week", unit_month: "month", unit_period: "whole period",
  pageView: "Page view", properties: "Properties", deleteWord: "Delete",
  inPeriod: "in this period",
  help: "This help",
  // Pages, and their group in the side bar
  overview: "Overview", goalsAndEvents: "Goals & events",
  behaviour: "Behaviour", funnels: "Funnels", retention: "Retention", journeys: "Journeys", users: "Users",
  samples: "Samples", experiments: "Experiments",
  data: "Data", realtime: "Realtime", links: "Links", exports: "Exports", operations: "Operations", settings: "Settings", start: "Install",
};

/** @typedef {typeof en} Words */
