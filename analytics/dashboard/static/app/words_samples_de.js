// The German words of the page of samples. tsc compares their keys with the English ones.

/** @type {import("./words_samples.js").SampleWords} */
export const de = {
  samplesIntro: "Zahlen, die Programme senden: wie viele, wie groß, nach Zeit und nach Merkmal.",
  metrics: "Messgrößen", searchMetric: "Messgrößen durchsuchen", webVitals: "Web Vitals", count: "Anzahl",
  sum: "Summe", mean: "Mittel", shown: "Im Diagramm", percentiles: "Perzentile",
  seriesLabel: "{name} nach {unit}. Die Pfeiltasten lesen die Werte.", byTag: "Nach Merkmal",
  noTags: "Diese Messwerte haben keine Merkmale", tagNone: "Ohne dieses Merkmal",
  onlyTag: "{value}: nur diese Messwerte",
  unknownTags: { one: "{n} Messwert, dessen Merkmale gelöscht sind, ist nicht gezählt.", other: "{n} Messwerte, deren Merkmale gelöscht sind, sind nicht gezählt." },
  percentileError: "Perzentile stimmen auf {error} eines Wertes; alle anderen Zahlen sind genau.",
  noSamples: "Noch keine Messwerte",
  noSamplesText: "Senden Sie Zahlen an POST /metrics, oder Web Vitals mit data-vitals im Tag des Trackers.",
  noSamplesHere: "Keine Messwerte in diesem Zeitraum", noMetric: "Keine Messgröße hat diesen Text im Namen",
  lcp: "Largest contentful paint", lcpText: "Wann der größte Teil der Seite zu sehen war",
  inp: "Interaction to next paint", inpText: "Wie lange eine Seite brauchte, um zu reagieren",
  cls: "Cumulative layout shift", clsText: "Wie sehr sich die Seite beim Laden verschob", good: "Gut",
  needsWork: "Verbesserungswürdig", poor: "Schlecht", vitalLimits: "Gut bis {good}, schlecht über {poor}",
  vitalFoot: { one: "75. Perzentil von {n} Laden", other: "75. Perzentil von {n} Ladevorgängen" },
  vitalsFoot: "Am 75. Perzentil: Drei von vier Ladevorgängen sind mindestens so gut. Wählen Sie eine Seite, um sie allein zu sehen.",
  loads: "Geladen", vitalLabel: "{name} am 75. Perzentil nach {unit}. Die Pfeiltasten lesen die Werte.",
};
