// The English words of the page of experiments.

export const en = {
  trackCall: "JavaScript, with the tracker", trackSdk: "JavaScript, with the SDK",
  trackJson: "As JSON", trackMarkup: "HTML, with the tracker",
  experimentsIntro: "Which variant leads more people to a goal, and how sure that is.", exposure: "Exposure",
  exposureHint: "The event when a variant is shown", variantProperty: "Property with the variant",
  goalOfExperiment: "Goal", chooseGoal: "Choose a goal", goalsGroup: "Goals", eventsGroup: "Events",
  control: "Control", controlAuto: "Chosen by itself", weights: "Planned shares (empty: even)",
  weightsHint: "control:0.9, short:0.1", showResult: "Show the result",
  chooseExperiment: "Choose an exposure, its property and a goal",
  chooseExperimentText: "Send an event when a user is shown a variant, with the variant's name in its payload, and always the same name for it:",
  noExposures: "No user saw a variant in this period",
  noExposuresText: "Choose a longer period, check the names above, or send an event when a variant is shown:",
  variant: "Variant", converted: "Converted", difference: "Difference", pValue: "p", isControl: "control",
  intervalText: "{low} to {high}", points: "{n} points", rateLabel: "Rate", usersOfVariant: "Users who saw {name}",
  intervalLabel: "{name}: {value} points, from {low} to {high}",
  mismatch: "The users were not divided as planned (p = {p}). Ignore the other figures of the response: the groups differ by more than the variant.",
  mismatchHelp: "Look for redirects, crashes or exposures that are sent later in one variant.",
  ratioFine: "The users were divided as planned (p = {p}).",
  mixed: { one: "{n} user saw several variants and is in none, since either may have had the effect.", other: "{n} users saw several variants and are in none, since either may have had the effect." },
  mixedMany: "Many mixed users mean that the assignment is not stable.", readTitle: "How to read this",
  readDifference: "Difference: the variant's rate minus the control's, with its 95 % interval. If the experiment were repeated many times, 95 of 100 such intervals would contain the true difference.",
  readP: "p: how often two variants that do not differ would show at least this difference.",
  readNarrow: "A narrow interval around 0 means that there is little difference. A wide one means that the data do not show yet whether there is one.",
  readPeek: "Decide before the start how many users are needed, what the goal is, and on which day you look; then look on that day. Looking ten times and stopping at the first p < 0.05 finds an effect where there is none in one of five experiments.",
  readSeveral: "With several variants, goals or segments, divide 0.05 by the number of comparisons.",
  readLatest: "A user exposed yesterday had one day to convert: the difference is fair, but the rates are too low.",
  readUsers: "A user belongs to the variant of the first exposure in the period, and converts with the first event of the goal after it.",
};

/** @typedef {typeof en} ExperimentWords */
