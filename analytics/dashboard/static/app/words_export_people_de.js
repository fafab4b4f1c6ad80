// The German words of the fields of people in the form of exports. tsc compares their keys with the English ones.

/** @type {import("./words_export_people.js").ExportPeopleWords} */
export const de = {
  groupField: "Welche Personen", group_all: "Alle mit einem Ereignis", group_funnel: "Eines Schritts eines Trichters",
  group_cohort: "Einer Kohorte der Wiederkehr", group_goal: "Einer Variante eines Experiments",
  groupFunnel: "Trichter", groupStep: "Schritt", groupReached: "Wer", reached_true: "erreichte diesen Schritt",
  groupNoFunnel: "Diese Website hat keinen Trichter.",
  groupCohort: "Erster Tag der Kohorte", groupUnit: "Länge", groupOffset: "Aktiv so viele Einheiten später",
  groupGoal: "Ziel: Ereignisart oder Pfad", groupExposure: "Ereignisart, die eine Variante zeigt",
  groupProperty: "Eigenschaft mit der Variante", groupVariant: "Variante", groupConverted: "Ziel erreicht",
  converted_: "gleich ob",
};
