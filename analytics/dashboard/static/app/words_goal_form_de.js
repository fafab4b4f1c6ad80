// The German words of the form of a goal. tsc compares their keys with the English ones.

/** @type {import("./words_goal_form.js").GoalFormWords} */
export const de = {
  goalName: "Name", goalKind: "Erreicht durch", kindEvent: "ein Ereignis", kindPage: "einen Seitenaufruf",
  goalType: "Art des Ereignisses", goalPath: "Pfad", goalPathHint: "/danke oder /blog*: * steht für beliebigen Text",
  goalPathOfType: "Nur auf Seiten (wahlweise)", goalFilter: "Nur wenn", goalValue: "Wert", valueNone: "keiner",
  valueProperty: "die Zahl in einer Eigenschaft", valueFixed: "ein fester Betrag",
  valueProperty_: "Eigenschaft mit dem Betrag", amount: "Betrag", currency: "Währung", currencyFixed: "diese Währung",
  currencyFrom: "die Währung in einer Eigenschaft", currencyNone: "ohne Währung",
  currencyProperty: "Eigenschaft mit der Währung", create: "Ziel anlegen",
};
