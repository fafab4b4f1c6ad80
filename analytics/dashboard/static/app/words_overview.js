// The English words of the overview alone.

export const en = {
  notes: "Notes", editNote: "Change the note", noteText: "Note", deleteNote: "Delete: {text}",
  noteSaved: "Note saved: {day}", noteDeleted: "Note deleted",
  noteMark: { one: "Note: {text}", other: "{n} notes: {text}" }, topPages: "Top pages", entryPages: "Entry",
  exitPages: "Exit", channels: "Channels", campaigns: "Campaigns", screens: "Screens",
  languages: "Languages", customEvents: "Events", busiestHours: "Busiest hours",
  busiest: "Busiest: {day} {hour}", heatLabel: "Page views by weekday and hour. Busiest: {day} {hour}.",
  heatCell: "{day} {hour}: {n} page views", emptyFiltered: "No page views meet these filters",
  emptySiteText: "Figures appear here seconds after the first event.", rollup: "From exact rollups",
  raw: "From single events", distinct: "Visitors are distinct people: counted as sets, never summed",
  paperTitle: "Website statistics", comparedWith: "compared with {period}", asOf: "As of {time} ({zone})",
  shareSite: "Share",
};

/** @typedef {typeof en} OverviewWords */
