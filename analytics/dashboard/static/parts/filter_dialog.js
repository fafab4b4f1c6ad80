// The dialogs that make or change one condition of the filter, and that store the filter as a segment.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, send } from "../app/api.js";
import { label } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { SITE, reportQuery } from "../app/state.js";
import { fieldName, t } from "../app/words.js";
import { Dialog } from "./dialog.js";
import { OPERATORS, addTerm, condition, parseFilter, propertyField, replaceTerm } from "./filters.js";

/** @type {[Word, string[]][]} */
const FIELDS = [
  ["pages", ["path", "entry_path", "exit_path", "hostname"]],
  ["sources", ["channel", "source", "referrer", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"]],
  ["locations", ["country", "region", "city", "language"]],
  ["devices", ["browser", "os", "device", "screen"]],
  ["events", ["type", "subject", "payload"]],
];
/** Fields whose values have their country before them or are codes: their names are shown beside. */
const SUGGESTIONS = 50;
const PROPERTY = "payload.";

/** @param {{ state: State, go: Go, index: number | null, close: () => void }} props `index`: of the term to change. */
export default function FilterDialog({ state, go, index, close }) {
  const term = index === null ? undefined : parseFilter(state.filter)[index];
  const isProperty = term?.field?.startsWith(PROPERTY);
  const [field, setField] = useState(isProperty ? "payload" : (term?.field ?? "path"));
  const [property, setProperty] = useState(isProperty ? (term?.field ?? "").slice(PROPERTY.length) : "");
  const [operator, setOperator] = useState(operatorOf(term));
  const [values, setValues] = useState(() => term?.values?.filter(Boolean) ?? []);
  const [typed, setTyped] = useState("");
  const needsValue = operator !== "empty" && operator !== "notEmpty";
  const name = field === "payload" ? propertyField(property) : field;
  const options = useSuggestions(state, field === "payload" ? (property ? name : "") : field, index);
  const chosen = [...new Set([...values, typed.trim()])].filter(Boolean);
  const canApply = (field !== "payload" || property) && (!needsValue || chosen.length > 0);
  /** @param {any} event */
  const apply = (event) => {
    event.preventDefault();
    if (!canApply) return;
    const text = needsValue ? condition(name, operator, chosen) : condition(name, operator === "empty" ? "==" : "!=", [""]);
    go({ filter: index === null ? addTerm(state.filter, text) : replaceTerm(state.filter, index, text) });
    close();
  };
  /** @param {any} event */
  const onKey = (event) => {
    // Enter with a text adds it as one of several values; without one it applies.
    if (event.key !== "Enter" || !typed.trim()) return;
    event.preventDefault();
    setValues(chosen);
    setTyped("");
  };
  const target = (/** @type {any} */ event) => event.target.value;
  return html`<${Dialog} title=${t(index === null ? "addFilter" : "editFilter")} close=${close} isNarrow=${true}>
    <form onSubmit=${apply}>
    <div class="pair">
      <label class="field">${t("field")}<select value=${field} data-focus
        onChange=${(/** @type {any} */ event) => { setField(target(event)); setValues([]); setTyped(""); }}>
        ${FIELDS.map(([group, names]) => html`<optgroup key=${group} label=${t(group)}>${names.map((one) => html`<option
          key=${one} value=${one}>${fieldName(one)}</option>`)}</optgroup>`)}
      </select></label>
      <label class="field">${t("operator")}<select value=${operator}
        onChange=${(/** @type {any} */ event) => setOperator(target(event))}>
        ${[...OPERATORS, "empty", "notEmpty"].map((one) => html`<option key=${one}
          value=${one}>${t(/** @type {Word} */ (one))}</option>`)}
      </select></label>
    </div>
    ${field === "payload" && html`<label class="field">${t("propertyName")}<input value=${property} placeholder="plan"
      onInput=${(/** @type {any} */ event) => setProperty(target(event))} /></label>`}
    ${needsValue && html`<div class="values">${values.map((one) => html`<span class="chip" key=${one}>
      <span class="lbl">${label(field, one)}</span>
      <button type="button" aria-label=${t("remove", { value: one })}
        onClick=${() => setValues(values.filter((other) => other !== one))}><${Icon} name="x" size="13" /></button>
        </span>`)}</div>
    <label class="field">${t(values.length ? "anotherValue" : "value")}<input list="filter-values" autocomplete="off"
      value=${typed} placeholder=${t("valueHint")}
      onInput=${(/** @type {any} */ event) => setTyped(target(event))} onKeyDown=${onKey} /></label>
    <datalist id="filter-values">${options.filter((one) => !values.includes(one)).map((one) => html`<option key=${one}
      value=${one}>${label(field, one)}</option>`)}</datalist>`}
    <div class="dlg-foot"><button type="button" class="btn" onClick=${close}>${t("cancel")}</button>
      <button class="btn primary" disabled=${!canApply}>${t("apply")}</button></div>
  </form><//>`;
}

/** @param {Term | undefined} term */
function operatorOf(term) {
  if (term?.values?.length === 1 && term.values[0] === "") return term.operator === "==" ? "empty" : "notEmpty";
  return term?.operator ?? "==";
}

/** The field's most frequent values in the page's period, without the condition that is being changed.
 * @param {State} state @param {string} dimension @param {number | null} index */
function useSuggestions(state, dimension, index) {
  const [found, setFound] = useState({ dimension: "", values: /** @type {string[]} */ ([]) });
  useEffect(() => {
    if (!dimension) return undefined;
    const query = reportQuery(state, index === null ? state.filter : replaceTerm(state.filter, index));
    query.set("dimension", dimension);
    query.set("limit", String(SUGGESTIONS));
    const abort = new AbortController();
    const timer = setTimeout(() => get("reports/breakdown?" + query, abort.signal).then(
      (/** @type {List} */ list) => setFound({ dimension, values: list.rows.flatMap((row) => row.value ?? []) }),
      () => {},
    ), dimension.startsWith(PROPERTY) ? 400 : 0);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [dimension]);
  return found.dimension === dimension ? found.values : [];
}

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
