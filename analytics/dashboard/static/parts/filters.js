// The page's filter: its text taken apart into terms and put together again, the chips that show it, and its menu.
// The grammar is that of analytics/reports/filtering/filters.py: `;` joins conditions, `|` values, a backslash escapes.
import { html, useState } from "../vendor/preact.js";
import { get } from "../app/api.js";
import { describe } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { SHARED, SITE, may } from "../app/state.js";
import { t } from "../app/words.js";
import { Menu } from "./menu.js";

export const OPERATORS = ["==", "!=", "=~", "!~", "=^", "!^"];
const SEGMENT = "segment:";
const CONDITION = /^((?:\\.|[^\\=!])+)(==|!=|=~|!~|=\^|!\^)(.*)$/s;

/** @param {string} text @param {string} sign @returns {string[]} */
function splitAt(text, sign) {
  const parts = [""];
  for (const [piece] of text.matchAll(/\\.|[^\\]/gs)) {
    if (piece === sign) parts.push("");
    else parts[parts.length - 1] += piece;
  }
  return parts;
}

/** @param {string} text */
const unescape = (text) => text.replace(/\\(.)/gs, "$1");
/** @param {string} value */
const escape = (value) => value.replace(/[;|\\]/g, "\\$&");

/** The filter's terms. What this page cannot read stays a term with its text alone.
 * @param {string} filter @returns {Term[]} */
export function parseFilter(filter) {
  return splitAt(filter, ";").filter(Boolean).map((text) => {
    if (text.startsWith(SEGMENT)) return { text, segment: unescape(text.slice(SEGMENT.length)) };
    const found = CONDITION.exec(text);
    return found ? { text, field: found[1], operator: found[2], values: splitAt(found[3], "|").map(unescape) } : { text };
  });
}

/** `field`: as the filter writes it, so that a property's name is escaped.
 * @param {string} field @param {string} operator @param {string[]} values */
export const condition = (field, operator, values) => field + operator + values.map(escape).join("|");
/** The field of a property. @param {string} name With dots between names. */
export const propertyField = (name) => "payload." + name.replace(/[\\=!~^;|]/g, "\\$&");
/** @param {string[]} terms */
const join = (terms) => terms.join(";");

/** The filter without its term at `index`, or with another in its place.
 * @param {string} filter @param {number} index @param {string} [text] */
export function replaceTerm(filter, index, text) {
  const terms = parseFilter(filter).map((one) => one.text);
  return join(terms.flatMap((one, at) => (at === index ? (text ? [text] : []) : [one])));
}

/** @param {string} filter @param {string} text */
export const addTerm = (filter, text) => join([...new Set([...parseFilter(filter).map((one) => one.text), text])]);

/** Whether the filter asks for exactly this value.
 * @param {string} filter @param {string} field @param {string | null} value */
export function isChosen(filter, field, value) {
  const text = condition(field, "==", [value ?? ""]);
  return parseFilter(filter).some((one) => one.text === text);
}

/** The filter of a click on a row: asks for its value in place of another of the field; a second click takes it back.
 * @param {string} filter @param {string} field @param {string | null} value */
export function toggleValue(filter, field, value) {
  const text = condition(field, "==", [value ?? ""]);
  const terms = parseFilter(filter);
  const others = terms.filter((one) => !(one.field === field && one.operator === "=="));
  return join([...others.map((one) => one.text), ...(terms.some((one) => one.text === text) ? [] : [text])]);
}

/** @param {{ state: State, go: Go, edit: (index: number) => void }} props */
export function Chips({ state, go, edit }) {
  const terms = parseFilter(state.filter);
  if (!terms.length) return null;
  return html`<div class="chips" role="group" aria-label=${t("filters")}>
    ${terms.map((term, index) => html`<${Chip} key=${term.text} term=${term} edit=${() => edit(index)}
      remove=${() => go({ filter: replaceTerm(state.filter, index) })} />`)}
    <button class="text-btn" onClick=${() => go({ filter: "" })}>${t("clearFilters")}</button>
  </div>`;
}

/** @param {{ term: Term, edit: () => void, remove: () => void }} props */
function Chip({ term, edit, remove }) {
  const { name, values } = describe(term);
  const text = html`<span class="lbl">${name} <b>${values}</b></span>`;
  return html`<span class="chip">
    ${term.field ? html`<button onClick=${edit} title=${t("editFilter")}>${text}</button>` : html`<button disabled>${text}
      </button>`}
    <button aria-label=${t("removeFilter", { name: `${name} ${values}` })} onClick=${remove}><${Icon} name="x" size="13" />
      </button>
  </span>`;
}

/** Adds conditions and segments; stores the filter as a segment.
 * @param {{ state: State, go: Go, add: () => void, save: () => void }} props */
export function FilterMenu({ state, go, add, save }) {
  const [segments, setSegments] = useState(/** @type {Segment[] | null} */ (null));
  const path = "segments?site=" + encodeURIComponent(SITE);
  const load = () => !SHARED && get(path).then((found) => setSegments(found.segments), () => setSegments([]));
  const chosen = parseFilter(state.filter).map((one) => one.segment);
  /** @param {Segment} one */
  const toggle = (one) => {
    const at = chosen.indexOf(one.name);
    go({ filter: at < 0 ? addTerm(state.filter, one.term) : replaceTerm(state.filter, at) });
  };
  return html`<${Menu} kind="filter-menu" icon="filter" label=${html`<span class="short">${t("filter")}
    </span>`} title=${t("filter") + " (/)"} onOpen=${load}>
    <button data-close class="item" onClick=${add}><${Icon} name="plus" />${t("addFilter")}<kbd class="kbd">/</kbd></button>
    ${state.filter && may("write") && (chosen.some((one) => one !== undefined) ? html`<div
      class="item none">${t("segmentInside")}</div>` : html`<button data-close class="item" onClick=${save}>
      <${Icon} name="check" />${t("saveSegment")}</button>`)}
    ${!SHARED && html`<div class="sep"></div>
    <div class="pop-title">${t("segments")}</div>`}
    ${segments && !segments.length && html`<div class="item none">${t("noSegments")}</div>`}
    ${segments && segments.length > 0 && html`<div role="menu" aria-label=${t("segments")}>
      ${segments.map((one) => html`<button key=${one.id} data-close class="item" role="menuitemcheckbox"
        aria-checked=${chosen.includes(one.name)}
        title=${one.filter} onClick=${() => toggle(one)}><span class="lbl">${one.name}</span></button>`)}
    </div>`}
  <//>`;
}
