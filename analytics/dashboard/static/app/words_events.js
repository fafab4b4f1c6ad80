// The English words of the page of events and goals.

export const en = {
  eventsTitle: "Goals & events",
  eventsIntro: "What people do on the site: goals that they reach, and every type of event with its properties.",
  eventTypes: "Event types",  trend: "Trend", change: "Change", lastDay: "Last seen",
  typesInAll: { one: "{n} type in all", other: "{n} types in all" }, noTypes: "No events in this period",
  noTypesText: "Choose a longer period, or send an event from your page:", trackCall: "JavaScript, with the tracker",
  trackSdk: "JavaScript, with the SDK", trackJson: "As JSON", trackMarkup: "HTML, with the tracker",
  goalsTitle: "Goals", newGoal: "New goal", editGoal: "Change the goal", revenue: "Revenue",
  worthNothing: "without an amount: {n}", firstGoal: "No goals yet",
  firstGoalText: "A goal counts the people who did something: sent an event, or saw a page. Choose one and see its rate.",
  onlyReaders: "An account or token with the scope write creates goals.", ofEvent: "Event {type}",
  ofPage: "Page {path}", ofEventOnPage: "Event {type} on {path}", withFilter: "with a filter",
  goalOpen: "Open the report on {name}", typeOpen: "Open the report on {name}",
  notKnown: "Not known: events of this period may be purged",
  noComparison: "Not compared: events of the other period may be purged.", goalSaved: "Goal saved: {name}",
  goalDeleted: "Goal deleted: {name}",
  allEvents: "All goals and events", changeGoal: "Change", makeGoal: "Make it a goal",
  noSuchGoal: "There is no such goal", noSuchGoalText: "It was deleted, or is another site's.",
};

/** @typedef {typeof en} EventWords */
