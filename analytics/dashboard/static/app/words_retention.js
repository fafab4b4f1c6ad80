// The English words of the page of retention.

export const en = {
  retentionIntro: "Of the people who came for the first time in a day, week or month: how many came back later.",
  cohort: "First seen", people: "People", average: "Average",
  averageTitle: "Of all people whose unit of time is over", offset_day: "Day {n}", offset_week: "Week {n}",
  offset_month: "Month {n}", showAs: "Show as", percentages: "Percent", numbers: "Numbers", eventType: "Event",
  anyEvent: "Any event",
  gridLabel: "Retention by {unit}. Arrow keys read the numbers, Enter opens the people behind one.",
  gridHint: "Arrow keys read the grid. Hatched: not over yet.",
  gridHintOpen: "Choose a number to see its people. Hatched: not over yet.",
  cellText: { one: "{cohort}, {offset}: {n} of {size} person, {rate}", other: "{cohort}, {offset}: {n} of {size} people, {rate}" },
  cohortText: { one: "{cohort}: {n} person for the first time", other: "{cohort}: {n} people for the first time" },
  averageText: "{offset}, average: {rate}", notOver: "not over yet",
  noCohorts: "Nobody came for the first time in this period", lifecycle: "Lifecycle", active: "Active", new: "New",
  returning: "Returning", resurrected: "Resurrected", dormant: "Dormant",
  lifecycleLabel: "New, returning, resurrected and dormant people by {unit}. Left and right arrow keys read the values.",
  lifecycleText: "Returning: also there the time before. Resurrected: back after a gap. Dormant: not there any more.",
  stickiness: "Stickiness", stickinessText: "The people of a day, as a part of those of the 30 days that end with it",
  stickinessLabel: "Stickiness by day. Left and right arrow keys read the values.", dau: "That day", wau: "7 days",
  mau: "30 days", unfiltered: "Of all people: this report has no filter.",
};

/** @typedef {typeof en} RetentionWords */
