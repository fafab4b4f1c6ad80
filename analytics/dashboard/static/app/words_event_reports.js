// The English words of the reports on one event type and on one goal.

export const en = {
  firstDay: "First seen",
  propertiesOf: "Properties", property_: "Property", noProperties: "No properties in this period",
  noPropertiesText: "Properties say more about an event. Send them with it:",
  propertiesInAll: { one: "{n} property in all", other: "{n} properties in all" }, valuesOf: "Values of {name}",
  valuesOpen: "Show the values of {name}", by: "By", chooseDimension: "Break down by",
  otherValues: { one: "{n} more conversion with other values", other: "{n} more conversions with other values" },
  active: "Active users", noConversions: "No conversions in this period",
  noConversionsText: "Choose a longer period, or check the goal's definition.",
};

/** @typedef {typeof en} EventReportWords */
