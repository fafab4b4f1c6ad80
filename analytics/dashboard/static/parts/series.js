// The chart of a report by time, its table and file, for one of its measures.
import { html } from "../vendor/preact.js";
import { useModule } from "../app/api.js";
import { MEASURES, range } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { shift } from "../app/state.js";
import { t } from "../app/words.js";
import { LineChart } from "../charts/line.js";
import { UnitSwitch, ViewSwitch } from "./switches.js";

/** `points`: of a report by `unit`, with the measure in each; `total`: of the whole period; `csv`: the address of the file.
 * @param {{ points: any[], before?: { from: string, to: string, series: any[] }, metric: string, name: string, total: number | null,
 *   unit: string, meta: Meta, state: State, go: Go, csv: string }} props */
export function Series({ points, before, metric, name, total, unit, meta, state, go, csv }) {
  const table = useModule(state.view === "table", () => import("../charts/points.js"));
  const unitName = t(/** @type {Word} */ (unit + "Unit"));
  const label = t("chartLabel", { measure: name, unit: unitName, value: MEASURES[metric].long(total) });
  const shared = { points, before: before?.series, metric: /** @type {Measure} */ (metric), unit, label, now: Date.parse(meta.computed_at) };
  /** @param {Point} first @param {Point} last */
  const zoom = (first, last) => {
    const to = unit === "hour" ? last.date : shift(last.to.slice(0, 10), -1);
    if (first.date !== to || points[0].date !== to) go({ period: "custom", from: first.date, to, unit: "" });
  };
  return html`<div class="plot">
    <div class="plot-head">
      <span class="legend"><span class="key"></span>${name}, ${range(meta.from, meta.to)}</span>
      ${before && html`<span class="legend"><span class="key before"></span>${range(before.from, before.to)}</span>`}
      <span class="grow"></span>
      <span class="tools"><${UnitSwitch} state=${state} go=${go} /><${ViewSwitch} state=${state} go=${go} />
        <a class="iconbtn" href=${csv} download title=${t("csv")} aria-label=${t("csv")}><${Icon} name="download" /></a></span>
    </div>
    ${state.view === "table" && table ? html`<${table.PointTable} ...${shared} />`
      : html`<${LineChart} ...${shared} notes=${[]} zoom=${zoom} />`}
  </div>`;
}

/** A key figure that a click charts. @param {{ name: string, metric: string, value: number | null | undefined, chosen: string,
 *   choose: (metric: string) => void, foot?: unknown }} props */
export const Chartable = ({ name, metric, value, chosen, choose, foot }) => html`<button class="kpi" aria-pressed=${metric === chosen}
  title=${MEASURES[metric].long(value)} onClick=${() => choose(metric)}><span class="kpi-label">${name}</span>
  <span class="kpi-value">${MEASURES[metric].short(value)}</span><span class="kpi-foot">${foot}</span></button>`;

/** Dimensions of events. */
export const DIMENSIONS = ["country", "region", "city", "language", "device", "browser", "os", "screen", "path", "hostname", "channel",
  "source", "referrer", "utm_campaign", "utm_source", "utm_medium", "utm_term", "utm_content", "subject"];
