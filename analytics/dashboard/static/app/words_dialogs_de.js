// The German words of dialogs of several pages. tsc compares their keys with the English ones.

/** @type {import("./words_dialogs.js").DialogWords} */
export const de = {
  rangeMissing: "Wählen Sie beide Tage.", rangeReversed: "Der erste Tag liegt nach dem letzten.",
  rangeFuture: "Diese Tage kommen erst: Wählen Sie keinen nach dem {day}.",
  rangeLong: "Wählen Sie höchstens {n} Tage.", operator: "Bedingung", anotherValue: "Weiterer Wert",
  unknownValue: "Unbekannt in diesem Zeitraum: {value}",
  valueHint: "Eingeben oder wählen; Eingabetaste fügt einen weiteren an", propertyName: "Name der Eigenschaft",
  notEmpty: "ist nicht leer", segmentName: "Name des Segments", helpTitle: "Tastenkürzel", goTo: "Gehe zu {name}",
};
