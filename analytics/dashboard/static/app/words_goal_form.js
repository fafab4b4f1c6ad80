// The English words of the form of a goal.

export const en = {
  goalName: "Name", goalKind: "Reached by", kindEvent: "an event", kindPage: "a page view", goalType: "Event type",
  goalPath: "Path", goalPathHint: "/thanks or /blog*: * stands for any text",
  goalPathOfType: "Only on pages (optional)", goalFilter: "Only where", goalValue: "Worth", valueNone: "nothing",
  valueProperty: "the number in a property", valueFixed: "a fixed amount", valueProperty_: "Property with the amount",
  amount: "Amount", currency: "Currency", currencyFixed: "this currency", currencyFrom: "the currency in a property",
  currencyNone: "without a currency", currencyProperty: "Property with the currency", create: "Create the goal",
};

/** @typedef {typeof en} GoalFormWords */
