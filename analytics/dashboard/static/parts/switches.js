// The switches of a chart: its granularity, and chart or table.
import { html } from "../vendor/preact.js";
import { Icon } from "../app/icons.js";
import { unitOf, unitsOf } from "../app/state.js";
import { t } from "../app/words.js";

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
