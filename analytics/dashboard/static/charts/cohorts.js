// The retention grid: a row a cohort, a column for each later unit, shaded in six steps. One number at a time can get the
// focus; arrow keys go to the next one, and Enter opens the people behind it.
import { html, useRef, useState } from "../vendor/preact.js";
import { calendarUnit } from "../app/calendar.js";
import { count, evenPercent, exact } from "../app/format.js";
import { t } from "../app/words.js";

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ start: string, size: number, retained: number[], rates: (number | null)[] }} Cohort */
/** @typedef {{ unit: string, cohorts: Cohort[], average_rates: (number | null)[], units_over: number, meta: Meta }} Grid */

const STEPS = 6;

/** `open`: the address of the people of a cohort so many units later; without it numbers are not links.
 * @param {{ data: Grid, isNumbers: boolean, open?: (start: string, offset: number) => string }} props */
export function CohortGrid({ data, isNumbers, open }) {
  const { unit, cohorts } = data;
  const [place, setPlace] = useState([1, 0]);
  const [row, column] = clamp(place, cohorts);
  const [isRead, setRead] = useState(false);
  const table = /** @type {{ current: HTMLTableElement }} */ (useRef());
  const columns = data.average_rates.length;
  const unitName = t(/** @type {Word} */ (unit + "Unit"));
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const to = next(event, row, column, cohorts);
    if (!to) return;
    event.preventDefault();
    setPlace(to);
    /** @type {HTMLElement | null} */ (table.current.querySelector(`[data-at="${to.join()}"]`))?.focus();
  };
  /** @param {any} event */
  const onFocus = (event) => {
    if (!event.target.dataset.at) return;
    setPlace(event.target.dataset.at.split(",").map(Number));
    setRead(true);
  };
  const cell = { columns, isNumbers, data, open, at: [row, column], max: largest(data) };
  return html`<div class="cohorts">
      <table ref=${table} role="grid" aria-label=${t("gridLabel", { unit: unitName })} onKeyDown=${onKey}
        onFocusIn=${onFocus} style=${{ "--n": columns }}>
        <thead><tr><th scope="col">${t("cohort")}</th><th scope="col">${t("people")}</th>
          ${Array.from({ length: columns - 1 }, (_, index) => html`<th scope="col" key=${index}>${offsetName(unit, index + 1)}
            </th>`)}</tr></thead>
        <tbody>
          <${AverageRow} ...${cell} />
          ${cohorts.map((cohort, index) => html`<${CohortRow} key=${cohort.start} cohort=${cohort} number=${index}
            ...${cell} />`)}
        </tbody>
      </table>
    </div>
    <div class="panel-foot"><span class="num" role="status">${isRead ? describe(data, row, column) : ""}</span>
      <span class="hide-small">${t(open ? "gridHintOpen" : "gridHint")}</span></div>`;
}

/** @param {string} unit @param {number} n */
const offsetName = (unit, n) => t(/** @type {Word} */ ("offset_" + unit), { n });

/** The largest part of a cohort that came back: the darkest shade. @param {Grid} data */
const largest = ({ cohorts }) => Math.max(1e-9, ...cohorts.flatMap((one) => one.rates.slice(1).map((rate) => rate ?? 0)));

/** A place that has a number: row 0 is the average, which begins with column 1; cohorts have one less with each row.
 * @param {number[]} place @param {Cohort[]} cohorts */
function clamp([row, column], cohorts) {
  const found = Math.max(0, Math.min(cohorts.length, row));
  const last = (found ? cohorts[found - 1].retained.length : cohorts.length) - 1;
  return [found, Math.max(found || !last ? 0 : 1, Math.min(last, column))];
}

/** Where a key leads.
 * @param {KeyboardEvent} event @param {number} row @param {number} column @param {Cohort[]} cohorts */
function next({ key, ctrlKey, metaKey }, row, column, cohorts) {
  const isWhole = ctrlKey || metaKey;
  const to = { ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1], ArrowDown: [row + 1, column],
    ArrowUp: [row - 1, column], Home: [isWhole ? 0 : row, 0], End: [isWhole ? cohorts.length : row, Infinity] }[key];
  return to && clamp(to, cohorts);
}

/** @typedef {{ columns: number, isNumbers: boolean, data: Grid, open?: (start: string, offset: number) => string,
 *   at: number[], max: number }} CellProps */

/** @param {CellProps} props */
function AverageRow({ columns, data, at, max }) {
  const focus = (/** @type {number} */ column) => (at[0] === 0 && at[1] === column ? 0 : -1);
  return html`<tr class="average"><th scope="row" title=${t("averageTitle")}>${t("average")}</th>
    <td></td>
    ${data.average_rates.slice(1, columns).map((rate, index) => html`<td key=${index}
      class=${rate === null ? "" : "c" + step(rate, max)}><span class="cohort-cell" data-at=${`0,${index + 1}`}
        tabindex=${focus(index + 1)} title=${describe(data, 0, index + 1)}>${rate === null ? "" : evenPercent(rate)}</span></td>`)}
  </tr>`;
}

/** @param {CellProps & { cohort: Cohort, number: number }} props */
function CohortRow({ columns, cohort, number, data, isNumbers, open, at, max }) {
  const over = data.units_over - number;
  const cells = cohort.retained.map((retained, later) => {
    const isFocus = at[0] === number + 1 && at[1] === later;
    const text = later === 0 ? count(cohort.size) : isNumbers ? count(retained) : evenPercent(cohort.rates[later]);
    const shared = { class: "cohort-cell", "data-at": `${number + 1},${later}`, tabindex: isFocus ? 0 : -1,
      title: describe(data, number + 1, later) };
    const shade = later && cohort.size ? "c" + step(cohort.rates[later] ?? 0, max) : "";
    const body = cohort.size ? text : later ? "" : "0";
    return html`<td key=${later} class=${shade + (later >= over ? " hatched" : "")}>
      ${open && retained ? html`<a ...${shared} href=${open(cohort.start, later)}>${body}</a>`
        : html`<span ...${shared}>${body}</span>`}</td>`;
  });
  const rest = columns - cohort.retained.length;
  return html`<tr><th scope="row">${calendarUnit(cohort.start, data.unit)}</th>${cells}
    ${rest > 0 && html`<td class="rest" colspan=${rest}></td>`}</tr>`;
}

/** @param {number} rate @param {number} max */
const step = (rate, max) => (rate ? Math.min(STEPS, 1 + Math.floor((rate / max) * (STEPS - 0.001))) : 0);

/** A number in words. @param {Grid} data @param {number} row @param {number} later */
function describe({ unit, cohorts, average_rates: averages, units_over: over }, row, later) {
  const offset = offsetName(unit, later);
  if (!row) return averages[later] == null ? "" : t("averageText", { offset, rate: evenPercent(averages[later]) });
  const { start, size, retained, rates } = cohorts[row - 1];
  const values = { cohort: calendarUnit(start, unit), offset, n: exact(later ? retained[later] : size), size: exact(size),
    rate: evenPercent(rates[later]) };
  const text = t(later ? "cellText" : "cohortText", values, size);
  return row - 1 + later < over ? text : `${text} (${t("notOver")})`;
}
