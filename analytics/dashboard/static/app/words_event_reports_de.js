// The German words of the reports on one event type and on one goal. tsc compares their keys with the English ones.

/** @type {import("./words_event_reports.js").EventReportWords} */
export const de = {
  firstDay: "Zuerst",
  propertiesOf: "Eigenschaften", property_: "Eigenschaft", noProperties: "Keine Eigenschaften in diesem Zeitraum",
  noPropertiesText: "Eigenschaften sagen mehr über ein Ereignis. Senden Sie sie mit:",
  propertiesInAll: { one: "insgesamt {n} Eigenschaft", other: "insgesamt {n} Eigenschaften" },
  valuesOf: "Werte von {name}", valuesOpen: "Werte von {name} zeigen", by: "Nach", chooseDimension: "Aufteilen nach",
  otherValues: { one: "{n} weiterer Abschluss mit anderen Werten", other: "{n} weitere Abschlüsse mit anderen Werten" },
  active: "Aktive Nutzer", noConversions: "Keine Abschlüsse in diesem Zeitraum",
  noConversionsText: "Wählen Sie einen längeren Zeitraum, oder prüfen Sie, wie das Ziel bestimmt ist.",
};
