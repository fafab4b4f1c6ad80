// The menus of the period and of what it is compared with, and the switch of the granularity.
import { html, useState } from "../vendor/preact.js";
import { count, days } from "../app/format.js";
import { MAX_DAYS, PRESETS, daysOf, length, rangeOf, shift, today, unitOf, unitsOf } from "../app/state.js";
import { Icon } from "../app/icons.js";
import { t } from "../app/words.js";
import { Menu } from "./menu.js";

/** The period in words. @param {State} state */
export function periodName(state) {
  if (state.period !== "custom") return t(/** @type {Word} */ (state.period));
  return days(state.from, state.to);
}

/** @param {{ state: State, go: Go }} props */
export function PeriodMenu({ state, go }) {
  return html`<${Menu} kind="dates-menu" icon="calendar" label=${periodName(state)} title=${t("period")}>${(/** @type {() => void} */ close) => html`
    <div role="menu" aria-label=${t("period")}>
      ${PRESETS.map((one, index) => html`${(index === 2 || index === 5) && html`<div class="sep"></div>`}
        <button key=${one.name} data-close class="item" role="menuitemradio" aria-checked=${state.period === one.name}
          onClick=${() => go({ period: one.name, unit: "" })}>${t(one.name)}<kbd class="kbd">${one.key}</kbd></button>`)}
    </div>
    <div class="sep"></div>
    <${RangeForm} title=${t("otherDays")} isChosen=${state.period === "custom"} range=${daysOf(state)} close=${close}
      choose=${(/** @type {string} */ from, /** @type {string} */ to) => go({ period: "custom", from, to, unit: "" })} />`}
  <//>`;
}

/** Why a range of days cannot be chosen; empty: it can. @param {string} from @param {string} to @param {string} now */
export function refuseRange(from, to, now) {
  if (!from || !to) return t("rangeMissing");
  if (to < from) return t("rangeReversed");
  if (to > now) return t("rangeFuture", { day: days(now, now) });
  return length(from, to) > MAX_DAYS ? t("rangeLong", { n: count(MAX_DAYS) }) : "";
}

/** Two days, both included. @param {{ title: string, isChosen: boolean, range: [string, string], close: () => void,
 *   choose: (from: string, to: string) => void }} props */
function RangeForm({ title, isChosen, range, close, choose }) {
  const [problem, setProblem] = useState("");
  const now = today();
  /** @param {any} event */
  const apply = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const [from, to] = [String(form.get("from")), String(form.get("to"))];
    const found = refuseRange(from, to, now);
    setProblem(found);
    if (found) return;
    choose(from, to);
    close();
  };
  const input = (/** @type {"from" | "to"} */ name, /** @type {string} */ value) => html`<label>${t(name)}<input type="date"
    name=${name} max=${now} defaultValue=${value} aria-invalid=${problem !== ""} /></label>`;
  return html`<form class="dates" aria-label=${title} novalidate onSubmit=${apply}>
    <div class=${"dates-title" + (isChosen ? " on" : "")}>${title}</div>
    ${input("from", range[0])}${input("to", range[1])}
    <div class="dates-problem" role="alert">${problem}</div>
    <button class="primary">${t("apply")}</button>
  </form>`;
}

/** @type {{ value: string, word: Word }[]} */
const COMPARISONS = [
  { value: "previous", word: "comparePrevious" },
  { value: "year", word: "compareYear" },
  { value: "none", word: "compareNone" },
];

/** What the form of a range begins with: 52 weeks before, where the weekdays are the same. @param {State} state
 * @returns {[string, string]} */
function weekdaysLastYear(state) {
  const [first, last] = daysOf(state);
  return [shift(first, -364), shift(last, -364)];
}

/** @param {{ state: State, go: Go }} props */
export function CompareMenu({ state, go }) {
  const isOn = state.compare !== "none";
  const range = rangeOf(state.compare);
  return html`<${Menu} kind="compare-menu" icon="chart" button=${"btn" + (isOn ? " on" : "")} title=${t("compare") + " (C)"}
    label=${html`<span class="short">${t("compare")}</span>`}>${(/** @type {() => void} */ close) => html`
    <div role="menu" aria-label=${t("compare")}>
      ${COMPARISONS.map(({ value, word }) => html`<button key=${value} data-close class="item" role="menuitemradio"
        aria-checked=${state.compare === value}
        onClick=${() => go({ compare: value })}>${t(word)}</button>`)}
    </div>
    <div class="sep"></div>
    <${RangeForm} title=${t("compareCustom")} isChosen=${range !== null} range=${range ?? weekdaysLastYear(state)}
      close=${close}
      choose=${(/** @type {string} */ from, /** @type {string} */ to) => go({ compare: `${from}..${to}` })} />`}
  <//>`;
}

/** @param {{ state: State, go: Go }} props */
export function UnitSwitch({ state, go }) {
  const units = unitsOf(state);
  if (units.length < 2) return null;
  return html`<span class="seg" role="group" aria-label=${t("interval")}>
    ${units.map((unit) => html`<button key=${unit} aria-pressed=${unitOf(state) === unit} onClick=${() => go({ unit })}>
      ${t(/** @type {Word} */ (unit + "Unit"))}</button>`)}
  </span>`;
}

/** Chart or table. @param {{ state: State, go: Go }} props */
export function ViewSwitch({ state, go }) {
  const isTable = state.view === "table";
  const name = t(isTable ? "asChart" : "asTable");
  return html`<button class="iconbtn" aria-label=${name} title=${name} aria-pressed=${isTable}
    onClick=${() => go({ view: isTable ? "chart" : "table" }, true)}><${Icon} name=${isTable ? "chart" : "table"} />
      </button>`;
}
