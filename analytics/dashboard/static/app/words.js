// The words that a page shows, in its language: of all pages words_en.js or words_de.js, of one page a file of its own.

/** @typedef {keyof import("./words_en.js").Words | keyof import("./words_overview.js").OverviewWords
 *   | keyof import("./words_dialogs.js").DialogWords | keyof import("./words_start.js").StartWords
 *   | keyof import("./words_realtime.js").RealtimeWords
 *   | keyof import("./words_exports.js").ExportsWords
 *   | keyof import("./words_export_people.js").ExportPeopleWords
 *   | keyof import("./words_links.js").LinksWords
 *   | keyof import("./words_share.js").ShareWords
 *   | keyof import("./words_retention.js").RetentionWords
 *   | keyof import("./words_journeys.js").JourneyWords
 *   | keyof import("./words_samples.js").SampleWords
 *   | keyof import("./words_operations.js").OperationsWords
 *   | keyof import("./words_funnels.js").FunnelWords
 *   | keyof import("./words_events.js").EventWords
 *   | keyof import("./words_event_reports.js").EventReportWords
 *   | keyof import("./words_goal_form.js").GoalFormWords
 *   | keyof import("./words_experiments.js").ExperimentWords
 *   | keyof import("./words_settings.js").SettingsWords} Word */

const LANGUAGES = ["en", "de"];
const wished = [stored("language"), ...navigator.languages].filter((one) => one !== null);

/** The language of the page: the chosen one, else the browser's first that is known. */
export const language = wished.map(base).find((one) => LANGUAGES.includes(one)) ?? "en";
/** The language with its region, which decides how numbers and dates are written. */
export const locale = navigator.languages.find((one) => base(one) === language) ?? language;

/** @type {Record<string, string | { one: string, other: string }>} */
const words = {};
const plural = new Intl.PluralRules(language);

/** Loads the words of the page's language. Call it before the first `t`. */
export async function loadWords() {
  document.documentElement.lang = locale;
  await addWords(() => import("./words_en.js"), () => import("./words_de.js"));
}

/**
 * Adds the words of one page, which waits for them before it shows anything.
 * @param {() => Promise<{ en: typeof words }>} english
 * @param {() => Promise<{ de: typeof words }>} german
 */
export async function addWords(english, german) {
  Object.assign(words, language === "de" ? (await german()).de : (await english()).en);
}

/**
 * The text of a word with its values put in. `n` also chooses the plural form.
 * @param {Word} word
 * @param {Record<string, string | number>} [values]
 * @param {number} [n]
 */
export function t(word, values = {}, n = 0) {
  const found = words[word] ?? word;
  const text = typeof found === "string" ? found : found[plural.select(n) === "one" ? "one" : "other"];
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** The name of a dimension or field. `language` is taken by the name of the other language. @param {string} field */
export function fieldName(field) {
  if (field.startsWith("payload.")) return field.slice("payload.".length);
  return t(/** @type {Word} */ (field === "language" ? "languageField" : Object.hasOwn(words, field) ? field : "property"));
}

/** Changes to the other language, which needs a new page. */
export function switchLanguage() {
  localStorage.setItem("language", language === "de" ? "en" : "de");
  location.reload();
}

/** @param {string} name */
function base(name) {
  return name.slice(0, 2).toLowerCase();
}

/** @param {string} name */
function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
