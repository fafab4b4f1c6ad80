// The menus of the period and of what it is compared with.
import { html } from "../vendor/preact.js";
import { useModule } from "../app/api.js";
import { days } from "../app/format.js";
import { PRESETS, daysOf, rangeOf, shift } from "../app/state.js";
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
    <${OtherDays} title=${t("otherDays")} isChosen=${state.period === "custom"} range=${daysOf(state)} close=${close}
      choose=${(/** @type {string} */ from, /** @type {string} */ to) => go({ period: "custom", from, to, unit: "" })} />`}
  <//>`;
}

/** The form of other days, which comes when a menu is opened. @param {import("./range_form.js").RangeFormProps} props */
function OtherDays(props) {
  const form = useModule(true, () => import("./range_form.js"));
  return form && html`<${form.RangeForm} ...${props} />`;
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
    <${OtherDays} title=${t("compareCustom")} isChosen=${range !== null} range=${range ?? weekdaysLastYear(state)}
      close=${close}
      choose=${(/** @type {string} */ from, /** @type {string} */ to) => go({ compare: `${from}..${to}` })} />`}
  <//>`;
}
