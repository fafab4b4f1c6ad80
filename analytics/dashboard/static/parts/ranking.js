// A card with a list of values and bars behind their names.
import { html } from "../vendor/preact.js";
import { count, exact } from "../app/format.js";
import { t } from "../app/words.js";
import { Empty, Fill } from "./panel.js";

/** @typedef {{ key: string, text: string, flag?: string, value: number, second?: string, open?: () => void,
 *   title?: string }} Ranked */

/** `second`: a column between the name and the value.
 * @param {{ title: string, name: string, column: string, second?: string, rows: Ranked[] | null, empty?: string,
 *   isBusy?: boolean, foot?: unknown }} props */
export function Ranking({ title, name, column, second, rows, empty, isBusy, foot }) {
  return html`<section class=${"card panel" + (isBusy ? " busy" : "")} aria-label=${title}>
    <div class="tabs"><h2 class="tab on">${title}</h2></div>
    ${!rows ? html`<div class="skeleton map-sk"></div>` : rows.length ? html`<${RankTable} name=${name}
      column=${column} second=${second} rows=${rows} />`
      : html`<${Empty} title=${t("nothing")}>${empty}<//>`}
    ${foot}
  </section>`;
}

/** @param {{ name: string, column: string, second?: string, rows: Ranked[] }} props */
function RankTable({ name, column, second, rows }) {
  const max = Math.max(1, ...rows.map((row) => row.value));
  return html`<table>
    <colgroup><col />${second && html`<col class="c-2" />`}<col class="c-v" /></colgroup>
    <thead><tr><th scope="col">${name}</th>${second && html`<th scope="col">${second}</th>`}<th scope="col">${column}
      </th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.key}>
      <td class="row"><${Fill} part=${row.value / max} />
        ${row.open ? html`<button class="cell" onClick=${row.open} title=${row.title}><${Name} row=${row} />
          </button>` : html`<span class="cell" title=${row.text}><${Name} row=${row} /></span>`}</td>
      ${second && html`<td class="s">${row.second}</td>`}
      <td class="v" title=${exact(row.value)}>${count(row.value)}</td></tr>`)}</tbody>
  </table>`;
}

/** @param {{ row: Ranked }} props */
const Name = ({ row }) => html`${row.flag && html`<span class="flag" aria-hidden="true">${row.flag}</span>`}<span
  class="lbl">${row.text}</span>`;

/** A key figure. @param {{ name: string, value: string, title?: string, foot?: unknown }} props */
export const Figure = ({ name, value, title, foot }) => html`<div class="kpi" title=${title}><span
  class="kpi-label">${name}</span><span class="kpi-value">${value}</span><span class="kpi-foot">${foot}</span></div>`;
