// The German words of the page of events and goals. tsc compares their keys with the English ones.

/** @type {import("./words_events.js").EventWords} */
export const de = {
  eventsTitle: "Ziele & Ereignisse",
  eventsIntro: "Was auf der Website getan wird: Ziele, die erreicht werden, und jede Art von Ereignis mit ihren Eigenschaften.",
  eventTypes: "Arten von Ereignissen",  trend: "Verlauf", change: "Änderung",
  lastDay: "Zuletzt", typesInAll: { one: "insgesamt {n} Art", other: "insgesamt {n} Arten" },
  noTypes: "Keine Ereignisse in diesem Zeitraum",
  noTypesText: "Wählen Sie einen längeren Zeitraum, oder senden Sie ein Ereignis von Ihrer Seite:",
  trackCall: "JavaScript, mit dem Tracker", trackSdk: "JavaScript, mit dem SDK", trackJson: "Als JSON",
  trackMarkup: "HTML, mit dem Tracker", goalsTitle: "Ziele", newGoal: "Neues Ziel", editGoal: "Ziel ändern",
  revenue: "Umsatz", worthNothing: "ohne Betrag: {n}", firstGoal: "Noch keine Ziele",
  firstGoalText: "Ein Ziel zählt, wer etwas getan hat: ein Ereignis gesendet oder eine Seite gesehen. Wählen Sie eines und sehen Sie seine Rate.",
  onlyReaders: "Ein Konto oder Token mit dem Recht write legt Ziele an.", ofEvent: "Ereignis {type}",
  ofPage: "Seite {path}", ofEventOnPage: "Ereignis {type} auf {path}", withFilter: "mit Filter",
  goalOpen: "Bericht über {name} öffnen", typeOpen: "Bericht über {name} öffnen",
  notKnown: "Nicht bekannt: Ereignisse dieses Zeitraums sind vielleicht gelöscht",
  noComparison: "Nicht verglichen: Ereignisse des anderen Zeitraums sind vielleicht gelöscht.",
  goalSaved: "Ziel gespeichert: {name}", goalDeleted: "Ziel gelöscht: {name}",
  allEvents: "Alle Ziele und Ereignisse", changeGoal: "Ändern", makeGoal: "Zum Ziel machen",
  noSuchGoal: "Dieses Ziel gibt es nicht", noSuchGoalText: "Es wurde gelöscht oder gehört einer anderen Website.",
};
