// The English words of dialogs of several pages.

export const en = {
  rangeMissing: "Choose both days.", rangeReversed: "The first day is after the last one.",
  rangeFuture: "These days are yet to come: choose none after {day}.", rangeLong: "Choose {n} days at most.",
  operator: "Condition", anotherValue: "One more value", valueHint: "Type or choose; Enter adds one more",
  unknownValue: "Unknown in this period: {value}",
  propertyName: "Name of the property", notEmpty: "is not empty", segmentName: "Name of the segment",
  helpTitle: "Keyboard shortcuts", goTo: "Go to {name}",
};

/** @typedef {typeof en} DialogWords */
