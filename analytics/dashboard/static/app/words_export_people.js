// The English words of the fields of people in the form of exports.

export const en = {
  groupField: "Which people", group_all: "All with an event", group_funnel: "Of a step of a funnel",
  group_cohort: "Of a cohort of the retention", group_goal: "Of a variant of an experiment", groupFunnel: "Funnel",
  groupStep: "Step", groupReached: "Who", reached_true: "reached this step",
  groupNoFunnel: "This site has no funnel.",
  groupCohort: "First day of the cohort", groupUnit: "Length", groupOffset: "Active so many units later",
  groupGoal: "Goal: an event type, or a path", groupExposure: "Event type that shows a variant",
  groupProperty: "Property with the variant", groupVariant: "Variant", groupConverted: "Goal reached",
  converted_: "whether or not",
};

/** @typedef {typeof en} ExportPeopleWords */
