// The menus of the period and of what it is compared with, and the switch of the granularity.
import { html } from "../vendor/preact.js";
import { days } from "../app/format.js";
import { PRESETS, periodOf, shift, today, unitOf, unitsOf } from "../app/state.js";
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
  return html`<${Menu} kind="dates-menu" icon="calendar" label=${periodName(state)} title=${t("period")}>
    <div role="menu" aria-label=${t("period")}>
      ${PRESETS.map((one, index) => html`${(index === 2 || index === 5) && html`<div class="sep"></div>`}
        <button key=${one.name} data-close class="item" role="menuitemradio" aria-checked=${state.period === one.name}
          onClick=${() => go({ period: one.name, unit: "" })}>${t(one.name)}<kbd class="kbd">${one.key}</kbd></button>`)}
    </div>
    <div class="sep"></div>
    <${CustomPeriod} state=${state} go=${go} />
  <//>`;
}

/** @param {{ state: State, go: Go }} props */
function CustomPeriod({ state, go }) {
  const now = today();
  /** @param {any} event */
  const apply = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const [from, to] = [String(form.get("from")), String(form.get("to"))].sort();
    go({ period: "custom", from, to, unit: "" });
  };
  return html`<form class="dates" onSubmit=${apply}>
    <label>${t("from")}<input type="date" name="from" required max=${now} defaultValue=${state.from || shift(now, -13)} />
      </label>
    <label>${t("to")}<input type="date" name="to" required max=${now} defaultValue=${state.to || now} /></label>
    <button class="primary" data-close>${t("apply")}</button>
  </form>`;
}

/** @type {{ value: State["compare"], word: Word }[]} */
const COMPARISONS = [
  { value: "previous", word: "comparePrevious" },
  { value: "year", word: "compareYear" },
  { value: "none", word: "compareNone" },
];

/** @param {{ state: State, go: Go }} props */
export function CompareMenu({ state, go }) {
  const isOn = state.compare !== "none";
  return html`<${Menu} kind="compare-menu" icon="chart" button=${"btn" + (isOn ? " on" : "")} title=${t("compare") + " (C)"}
    label=${html`<span class="short">${t("compare")}</span>`}>
    <div role="menu" aria-label=${t("compare")}>
      ${COMPARISONS.map(({ value, word }) => html`<button key=${value} data-close class="item" role="menuitemradio"
        aria-checked=${state.compare === value}
        onClick=${() => go({ compare: value })}>${t(word)}</button>`)}
    </div>
  <//>`;
}

/** @param {{ state: State, go: Go }} props */
export function UnitSwitch({ state, go }) {
  const units = unitsOf(periodOf(state)[1]);
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
