// The time series as a table, for those who read figures rather than lines. Loaded when it is asked for.
import { html } from "../vendor/preact.js";
import { DASH, MEASURES, bucket } from "../app/format.js";
import { t } from "../app/words.js";
import { elapsed } from "./line.js";

/** @param {{ points: Point[], before?: Point[], metric: Measure, unit: string, label: string, now: number }} props */
export function PointTable({ points, before, metric, unit, label, now }) {
  const { long } = MEASURES[metric];
  const { begun, running } = elapsed(points, now);
  return html`<div class="points" tabindex="0" role="region" aria-label=${label}><table>
    <thead><tr><th scope="col">${t("date")}</th><th scope="col">${t(/** @type {any} */ (metric))}
      </th>${before && html`<th scope="col">${t("before")}</th>`}</tr></thead>
    <tbody>${points.map((point, index) => html`<tr key=${point.ts}>
      <th scope="row">${bucket(point.ts, unit)}${index === running ? ` (${t("soFar")})` : ""}</th>
      <td>${index < begun ? long(point[metric]) : DASH}</td>${before && html`<td class="none">
        ${before[index] ? long(before[index][metric]) : DASH}</td>`}</tr>`)}</tbody>
  </table></div>`;
}
