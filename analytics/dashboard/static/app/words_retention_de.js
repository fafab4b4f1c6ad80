// The German words of the page of retention. tsc compares their keys with the English ones.

/** @type {import("./words_retention.js").RetentionWords} */
export const de = {
  retentionIntro: "Von den Personen, die an einem Tag, in einer Woche oder einem Monat zum ersten Mal kamen: wie viele später wiederkamen.",
  cohort: "Zuerst gesehen", people: "Personen", average: "Mittel",
  averageTitle: "Von allen Personen, deren Zeiteinheit vorbei ist", offset_day: "Tag {n}", offset_week: "Woche {n}",
  offset_month: "Monat {n}", showAs: "Zeigen als", percentages: "Prozent", numbers: "Zahlen", eventType: "Ereignis",
  anyEvent: "Jedes Ereignis",
  gridLabel: "Wiederkehr nach {unit}. Die Pfeiltasten lesen die Zahlen, Eingabe öffnet die Personen dahinter.",
  gridHint: "Die Pfeiltasten lesen die Tabelle. Schraffiert: noch nicht vorbei.",
  gridHintOpen: "Wählen Sie eine Zahl, um ihre Personen zu sehen. Schraffiert: noch nicht vorbei.",
  cellText: { one: "{cohort}, {offset}: {n} von {size} Person, {rate}", other: "{cohort}, {offset}: {n} von {size} Personen, {rate}" },
  cohortText: { one: "{cohort}: {n} Person zum ersten Mal", other: "{cohort}: {n} Personen zum ersten Mal" },
  averageText: "{offset}, Mittel: {rate}", notOver: "noch nicht vorbei",
  noCohorts: "In diesem Zeitraum kam niemand zum ersten Mal", lifecycle: "Lebenszyklus", active: "Aktiv", new: "Neu",
  returning: "Wiederkehrend", resurrected: "Zurückgekommen", dormant: "Weggeblieben",
  lifecycleLabel: "Neue, wiederkehrende, zurückgekommene und weggebliebene Personen nach {unit}. Die Pfeiltasten lesen die Werte.",
  lifecycleText: "Wiederkehrend: auch davor da. Zurückgekommen: nach einer Pause. Weggeblieben: nicht mehr da.",
  stickiness: "Bindung", stickinessText: "Die Personen eines Tages als Anteil derer der 30 Tage, die mit ihm enden",
  stickinessLabel: "Bindung nach Tag. Die Pfeiltasten lesen die Werte.", dau: "An dem Tag", wau: "7 Tage",
  mau: "30 Tage", unfiltered: "Von allen Personen: Dieser Bericht hat keinen Filter.",
};
