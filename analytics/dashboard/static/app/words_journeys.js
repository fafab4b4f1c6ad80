// The English words of the page of journeys.

export const en = {
  journeysIntro: "Which ways visits go from a page on, or come to it. Choose a row to see what those visits did beside it.",
  fromPage: "From a page", toPage: "To a page", direction: "Direction", pageField: "Page", stepCount: "Steps",
  stepKinds: "What is a step", pagesAlone: "Pages", withEvents: "Pages and events",
  stepAfter: { one: "{n} step later", other: "{n} steps later" },
  stepBefore: { one: "{n} step before", other: "{n} steps before" }, startHere: "Start", endHere: "Goal",
  visitsCount: { one: "{n} visit", other: "{n} visits" }, peopleCount: { one: "{n} person", other: "{n} people" },
  leftHere: "Visit ended", beganHere: "Visit began", otherSteps: "Other steps", noSteps: "No visit got so far",
  stepTitle: "{step}: {visits}, {people}, {share} of all", chooseStep: "Show only visits with this step",
  behind: "of visits with {steps}", noJourneys: "No visit has this page in this period",
  noJourneysText: "Choose another page, or a longer period.", topJourneys: "Most common ways", way: "Way",
  otherWays: { one: "{n} visit took another way", other: "{n} visits took other ways" },
  people: "People",
};

/** @typedef {typeof en} JourneyWords */
