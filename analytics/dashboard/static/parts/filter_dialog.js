// The dialogs that make or change one condition of the filter, and that store the filter as a segment.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, send } from "../app/api.js";
import { label } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { SITE, isShown, reportQuery } from "../app/state.js";
import { addWords, fieldName, t } from "../app/words.js";
import { Dialog } from "./dialog.js";
import { OPERATORS, addTerm, condition, parseFilter, propertyField, replaceTerm } from "./filters.js";

await addWords(() => import("../app/words_dialogs.js"), () => import("../app/words_dialogs_de.js"));

/** @type {[Word, string[]][]} */
const FIELDS = [
  ["pages", ["path", "entry_path", "exit_path", "hostname"]],
  ["sources", ["channel", "source", "referrer", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"]],
  ["locations", ["country", "region", "city", "language"]],
  ["devices", ["browser", "os", "device", "screen"]],
  ["events", ["type", "subject", "payload"]],
];
const OF_VISITS = ["entry_path", "exit_path"];
const SUGGESTIONS = 50;
/** All countries. */
const MOST_SUGGESTIONS = 300;
/** Fields of few values, of which the beginning of a name is enough. */
const NAMED = ["channel", "country", "region", "city", "language", "browser", "os", "device"];
const PROPERTY = "payload.";

/** `index`: of the term to change; `isOfEvents`: fields that only visits have are not offered.
 * @param {{ state: State, go: Go, index: number | null, close: () => void, isOfEvents?: boolean }} props */
export default function FilterDialog({ state, go, index, close, isOfEvents = false }) {
  const term = index === null ? undefined : parseFilter(state.filter)[index];
  const [draft, setDraft] = useState(() => draftOf(term));
  const change = (/** @type {Partial<FilterDraft>} */ some) => setDraft({ ...draft, ...some });
  const { values: options, isWhole } = useSuggestions(state, fieldOf(draft), index);
  const text = textOf(draft, options);
  const strange = isWhole ? valuesOf(draft, options).filter((one) => !options.includes(one)) : [];
  /** @param {Event} event */
  const apply = (event) => {
    event.preventDefault();
    if (!text) return;
    go({ filter: index === null ? addTerm(state.filter, text) : replaceTerm(state.filter, index, text) });
    close();
  };
  return html`<${Dialog} title=${t(index === null ? "addFilter" : "editFilter")} close=${close} isNarrow=${true}>
    <form onSubmit=${apply}>
      <${ConditionFields} draft=${draft} change=${change} isOfEvents=${isOfEvents} />
      ${needsValue(draft.operator) && html`<${ValueFields} draft=${draft} change=${change} options=${options} />`}
      <div class="field muted" role="status">${isExact(draft.operator) && strange.length > 0
        && t("unknownValue", { value: strange.join(", ") })}</div>
      <div class="dlg-foot">
        <button type="button" class="btn" onClick=${close}>${t("cancel")}</button>
        <button class="btn primary" disabled=${!text}>${t("apply")}</button>
      </div>
    </form>
  <//>`;
}

/** What the dialog begins with. @param {Term | undefined} term @returns {FilterDraft} */
function draftOf(term) {
  const field = term?.field ?? "path";
  const isProperty = field.startsWith(PROPERTY);
  return {
    field: isProperty ? "payload" : field,
    property: isProperty ? field.slice(PROPERTY.length) : "",
    operator: operatorOf(term),
    values: term?.values?.filter(Boolean) ?? [],
    typed: "",
  };
}

/** The field as a filter names it; empty: of a property that has no name yet. @param {FilterDraft} draft */
function fieldOf({ field, property }) {
  if (field !== "payload") return field;
  return property ? propertyField(property) : "";
}

/** @param {string} operator */
const needsValue = (operator) => operator !== "empty" && operator !== "notEmpty";

/** @param {string} operator */
const isExact = (operator) => operator === "==" || operator === "!=";

/** The offered value that somebody meant by a text: by itself or by its name, in any case; else the text.
 * @param {Pick<FilterDraft, "field" | "operator">} draft @param {string} typed @param {string[]} options */
export function meantValue({ field, operator }, typed, options) {
  const text = typed.toLowerCase();
  const names = options.map((one) => label(field, one).toLowerCase());
  const begun = NAMED.includes(field) && isExact(operator) ? names.flatMap((name, at) => (name.startsWith(text) ? options[at] : [])) : [];
  const found = options.find((one) => one === typed) ?? options.find((one, at) => names[at] === text || one.toLowerCase() === text);
  return found ?? (begun.length === 1 ? begun[0] : typed);
}

/** The values that were added, and the one that is being typed. @param {FilterDraft} draft @param {string[]} options */
function valuesOf(draft, options) {
  const texts = [...draft.values, draft.typed.trim()].filter(Boolean);
  return [...new Set(texts.map((one) => meantValue(draft, one, options)))];
}

/** The condition; empty: something is missing. @param {FilterDraft} draft @param {string[]} options */
function textOf(draft, options) {
  const field = fieldOf(draft);
  if (!field) return "";
  if (!needsValue(draft.operator)) return condition(field, draft.operator === "empty" ? "==" : "!=", [""]);
  const values = valuesOf(draft, options);
  return values.length ? condition(field, draft.operator, values) : "";
}

/** @typedef {(some: Partial<FilterDraft>) => void} Change */

/** Field, operator, and the name of a property. @param {{ draft: FilterDraft, change: Change, isOfEvents: boolean }} props */
function ConditionFields({ draft, change, isOfEvents }) {
  /** @param {any} event */
  const setField = (event) => change({ field: event.target.value, values: [], typed: "" });
  /** @param {any} event */
  const setOperator = (event) => change({ operator: event.target.value });
  /** @param {any} event */
  const setProperty = (event) => change({ property: event.target.value });
  const option = (/** @type {string} */ value, /** @type {string} */ name) => html`<option key=${value} value=${value}>${name}</option>`;
  return html`<div class="pair">
      <label class="field">${t("field")}
        <select value=${draft.field} data-focus onChange=${setField}>
          ${FIELDS.map(([group, names]) => html`<optgroup key=${group} label=${t(group)}>
            ${names.filter((one) => isShown(one) && !(isOfEvents && OF_VISITS.includes(one))).map((one) => option(one, fieldName(one)))}
          </optgroup>`)}
        </select>
      </label>
      <label class="field">${t("operator")}
        <select value=${draft.operator} onChange=${setOperator}>
          ${[...OPERATORS, "empty", "notEmpty"].map((one) => option(one, t(/** @type {Word} */ (one))))}
        </select>
      </label>
    </div>
    ${draft.field === "payload" && html`<label class="field">${t("propertyName")}
      <input value=${draft.property} placeholder="plan" onInput=${setProperty} />
    </label>`}`;
}

/** One or more values, with the field's frequent ones to choose from.
 * @param {{ draft: FilterDraft, change: Change, options: string[] }} props */
function ValueFields({ draft, change, options }) {
  const { field, values, typed } = draft;
  /** @param {any} event */
  const onKey = (event) => {
    // Enter with a text adds it as one of several values; without one it applies.
    if (event.key !== "Enter" || !typed.trim()) return;
    event.preventDefault();
    change({ values: valuesOf(draft, options), typed: "" });
  };
  const remove = (/** @type {string} */ value) => change({ values: values.filter((one) => one !== value) });
  return html`<div class="values">
      ${values.map((one) => html`<span class="chip" key=${one}>
        <span class="lbl">${label(field, one)}</span>
        <button type="button" aria-label=${t("remove", { value: one })} onClick=${() => remove(one)}>
          <${Icon} name="x" size="13" />
        </button>
      </span>`)}
    </div>
    <label class="field">${t(values.length ? "anotherValue" : "value")}
      <input list="filter-values" autocomplete="off" value=${typed} placeholder=${t("valueHint")}
        onInput=${(/** @type {any} */ event) => change({ typed: event.target.value })} onKeyDown=${onKey} />
    </label>
    <datalist id="filter-values">
      ${options.filter((one) => !values.includes(one)).map((one) => html`<option key=${one} value=${one}>${label(field, one)}</option>`)}
    </datalist>`;
}

/** @param {Term | undefined} term */
function operatorOf(term) {
  if (term?.values?.length === 1 && term.values[0] === "") return term.operator === "==" ? "empty" : "notEmpty";
  return term?.operator ?? "==";
}

/** The field's most frequent values in the page's period, without the condition that is being changed; `isWhole`: there
 * are no others.
 * @param {State} state @param {string} dimension @param {number | null} index */
function useSuggestions(state, dimension, index) {
  const [found, setFound] = useState({ ...NONE, dimension: "" });
  useEffect(() => {
    if (!dimension) return undefined;
    const query = reportQuery(state, index === null ? state.filter : replaceTerm(state.filter, index));
    query.set("dimension", dimension);
    const most = dimension === "country" ? MOST_SUGGESTIONS : SUGGESTIONS;
    query.set("limit", String(most));
    const abort = new AbortController();
    const timer = setTimeout(() => get("reports/breakdown?" + query, abort.signal).then(
      (/** @type {List} */ list) => setFound({ dimension,
        values: list.rows.flatMap((row) => row.value || []), isWhole: !list.next_cursor }),
      () => {},
    ), dimension.startsWith(PROPERTY) ? 400 : 0);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [dimension]);
  return found.dimension === dimension ? found : NONE;
}
const NONE = { values: /** @type {string[]} */ ([]), isWhole: false };

/** Stores the filter under a name. @param {{ state: State, go: Go, close: () => void }} props */
export function SegmentDialog({ state, go, close }) {
  const [error, setError] = useState("");
  // A segment names no other segment, so only conditions can be stored.
  const [isBusy, setBusy] = useState(false);
  /** @param {any} event */
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const name = String(new FormData(event.target).get("name")).trim();
      const stored = await send("POST", "segments", { site: SITE, name, filter: state.filter });
      go({ filter: stored.term });
      close();
    } catch (failure) {
      setError(/** @type {Failure} */ (failure).message || t("offline"));
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t("saveSegment")} close=${close} isNarrow=${true}><form onSubmit=${save}>
    <label class="field">${t("segmentName")}<input name="name" required maxlength="100" data-focus /></label>
    ${error && html`<div class="card alert" role="alert"><div>${error}</div></div>`}
    <div class="dlg-foot"><button type="button" class="btn" onClick=${close}>${t("cancel")}</button>
      <button class="btn primary" disabled=${isBusy}>${t("save")}</button></div>
  </form><//>`;
}
