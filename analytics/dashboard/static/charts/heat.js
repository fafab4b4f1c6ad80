// The busiest hours: page views by weekday and hour, shaded in six steps.
import { html, useState } from "../vendor/preact.js";
import { exact, two0 } from "../app/format.js";
import { locale, t } from "../app/words.js";

const weekday = new Intl.DateTimeFormat(locale, { weekday: "short", timeZone: "UTC" });
// 5 January 1970 was a Monday.
const DAYS = Array.from({ length: 7 }, (_, index) => weekday.format(Date.UTC(1970, 0, 5 + index)));
const STEPS = 6;

/** @param {{ cells: number[][], zone: string }} props Seven rows of 24 hours, Monday first. */
export function Heat({ cells, zone }) {
  const [at, setAt] = useState(/** @type {number[] | null} */ (null));
  const all = cells.flat();
  const max = Math.max(1, ...all);
  const best = all.indexOf(Math.max(...all));
  const busiest = { day: DAYS[Math.floor(best / 24)], hour: `${two0(best % 24)}:00` };
  const summary = zone + (all[best] ? " · " + t("busiest", busiest) : "");
  const step = (/** @type {number} */ n) => (n ? 1 + Math.min(STEPS - 1, Math.floor((n / max) * (STEPS - 0.001))) : 0);
  /** @param {any} event */
  const point = (event) => setAt(event.target.dataset.at?.split(",").map(Number) ?? null);
  return html`<div class="heat" role="img" aria-label=${t("heatLabel", busiest)} onPointerMove=${point}
    onPointerLeave=${() => setAt(null)}>
      ${cells.map((row, day) => html`<span class="heat-day" key=${day}>${DAYS[day]}</span>
        ${row.map((n, hour) => html`<i key=${`${day},${hour}`} data-at=${`${day},${hour}`} class=${"h" + step(n)}></i>`)}`)}
      <span></span>${[0, 3, 6, 9, 12, 15, 18, 21].map((hour) => html`<span key=${hour} class="heat-hour">${two0(hour)}
        </span>`)}
    </div>
    <div class="panel-foot"><span class="num">
      ${at ? t("heatCell", { day: DAYS[at[0]], hour: `${two0(at[1])}:00`, n: exact(cells[at[0]][at[1]]) }) : summary}
    </span></div>`;
}
