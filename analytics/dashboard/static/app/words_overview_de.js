// The German words of the overview alone. tsc compares their keys with the English ones.

/** @type {import("./words_overview.js").OverviewWords} */
export const de = {
  notes: "Notizen", editNote: "Notiz ändern", noteText: "Notiz", deleteNote: "Löschen: {text}",
  noteSaved: "Notiz gespeichert: {day}", noteDeleted: "Notiz gelöscht",
  noteMark: { one: "Notiz: {text}", other: "{n} Notizen: {text}" }, topPages: "Seiten", entryPages: "Einstieg",
  exitPages: "Ausstieg", channels: "Kanäle", campaigns: "Kampagnen", screens: "Bildschirme",
  languages: "Sprachen", customEvents: "Ereignisse",
  busiestHours: "Stärkste Stunden", busiest: "Am stärksten: {day} {hour}",
  heatLabel: "Seitenaufrufe nach Wochentag und Stunde. Am stärksten: {day} {hour}.",
  heatCell: "{day} {hour}: {n} Seitenaufrufe", emptyFiltered: "Keine Seitenaufrufe erfüllen diese Filter",
  emptySiteText: "Sekunden nach dem ersten Ereignis erscheinen hier Zahlen.", rollup: "Aus genauen Summen",
  raw: "Aus einzelnen Ereignissen", distinct: "Besucher sind verschiedene Personen: als Mengen gezählt, nie addiert",
  paperTitle: "Website-Statistik", comparedWith: "verglichen mit {period}", asOf: "Stand: {time} ({zone})",
  shareSite: "Teilen",
};
