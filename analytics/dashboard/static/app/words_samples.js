// The English words of the page of samples.

export const en = {
  samplesIntro: "Numbers that programs send: how many, how large, by time and by tag.", metrics: "Metrics",
  searchMetric: "Search in metrics", webVitals: "Web vitals", count: "Count", sum: "Sum", mean: "Mean",
  shown: "In the chart", percentiles: "Percentiles",
  seriesLabel: "{name} by {unit}. Left and right arrow keys read the values.", byTag: "By tag",
  noTags: "These samples have no tags", tagNone: "Without this tag", onlyTag: "{value}: only these samples",
  unknownTags: { one: "{n} sample whose tags are past retention is not counted.", other: "{n} samples whose tags are past retention are not counted." },
  percentileError: "Percentiles are within {error} of a value; all other figures are exact.",
  noSamples: "No samples yet",
  noSamplesText: "Send numbers to POST /metrics, or web vitals with data-vitals in the tag of the tracker.",
  noSamplesHere: "No samples in this period", noMetric: "No metric has this text in its name",
  lcp: "Largest contentful paint", lcpText: "When the largest part of the page was seen",
  inp: "Interaction to next paint", inpText: "How long a page took to react", cls: "Cumulative layout shift",
  clsText: "How much the page moved while it loaded", good: "Good", needsWork: "Needs improvement", poor: "Poor",
  vitalLimits: "Good up to {good}, poor above {poor}",
  vitalFoot: { one: "75th percentile of {n} load", other: "75th percentile of {n} loads" },
  vitalsFoot: "At the 75th percentile: three of four loads are at least as good. Choose a page to see it alone.",
  loads: "Loads", vitalLabel: "{name} at the 75th percentile by {unit}. Left and right arrow keys read the values.",
};

/** @typedef {typeof en} SampleWords */
