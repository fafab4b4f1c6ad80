// The six key figures. A click charts one.
import { html } from "../vendor/preact.js";
import { MEASURES } from "../app/format.js";
import { t } from "../app/words.js";
import { Delta } from "./delta.js";

/** @type {Measure[]} */
const SHOWN = ["visitors", "visits", "page_views", "views_per_visit", "bounce_rate", "avg_visit_duration_s"];

/** @param {{ data: Overview | null, metric: string, choose: (metric: string) => void }} props */
export function Kpis({ data, metric, choose }) {
  return html`<div class="kpis" role="group" aria-label=${t("figures")}>
    ${SHOWN.map((name) => html`<button key=${name} class="kpi" aria-pressed=${metric === name} onClick=${() => choose(name)}
      title=${data ? MEASURES[name].long(data[name]) : ""}>
      <span class="kpi-label">${t(/** @type {any} */ (name))}</span>
      ${data ? html`<${Figure} data=${data} name=${name} />` : html`<span class="sk w6"></span><span class="sk w4"></span>`}
    </button>`)}
  </div>`;
}

/** @param {{ data: Overview, name: Measure }} props */
function Figure({ data, name }) {
  const { short, good } = MEASURES[name];
  const before = data.previous?.[name];
  return html`<span class="kpi-value">${short(data[name])}</span>
    <span class="kpi-foot">${data.previous && html`<${Delta} change=${data.change?.[name]} good=${good} />
      ${before != null && html`<span>${t("fromValue", { value: short(before) })}</span>`}`}</span>`;
}
