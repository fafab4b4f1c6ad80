// The German words of the page of journeys. tsc compares their keys with the English ones.

/** @type {import("./words_journeys.js").JourneyWords} */
export const de = {
  journeysIntro: "Welche Wege Besuche von einer Seite aus nehmen oder zu ihr kommen. Wählen Sie eine Zeile, um zu sehen, was diese Besuche daneben taten.",
  fromPage: "Von einer Seite", toPage: "Zu einer Seite", direction: "Richtung", pageField: "Seite",
  stepCount: "Schritte", stepKinds: "Was ein Schritt ist", pagesAlone: "Seiten", withEvents: "Seiten und Ereignisse",
  stepAfter: { one: "{n} Schritt später", other: "{n} Schritte später" },
  stepBefore: { one: "{n} Schritt davor", other: "{n} Schritte davor" }, startHere: "Anfang", endHere: "Ziel",
  visitsCount: { one: "{n} Besuch", other: "{n} Besuche" }, peopleCount: { one: "{n} Person", other: "{n} Personen" },
  leftHere: "Besuch endete", beganHere: "Besuch begann", otherSteps: "Andere Schritte",
  noSteps: "Kein Besuch kam so weit", stepTitle: "{step}: {visits}, {people}, {share} von allen",
  chooseStep: "Nur Besuche mit diesem Schritt zeigen", behind: "von Besuchen mit {steps}",
  noJourneys: "Kein Besuch hat diese Seite in diesem Zeitraum",
  noJourneysText: "Wählen Sie eine andere Seite oder einen längeren Zeitraum.", topJourneys: "Häufigste Wege",
  way: "Weg", otherWays: { one: "{n} Besuch nahm einen anderen Weg", other: "{n} Besuche nahmen andere Wege" },
  people: "Personen",
};
