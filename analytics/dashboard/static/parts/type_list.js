// The event types of a site with their trend.
import { html } from "../vendor/preact.js";
import { count, days, exact, typeName } from "../app/format.js";
import { snippets } from "../app/goals.js";
import { addressOf, onPlainClick } from "../app/params.js";
import { t } from "../app/words.js";
import { Spark } from "../charts/spark.js";
import { Code } from "./code.js";
import { Delta } from "./delta.js";
import { Empty } from "./rows.js";

/** @typedef {{ events: number, users: number }} Totals */
/** @typedef {Totals & { type: string, first_day: string, last_day: string, series: number[], previous?: Totals,
 *   change?: Record<"events" | "users", number | null> }} TypeRow */
/** @typedef {{ granularity: string, type_count: number, types: TypeRow[], meta: Meta }} EventTypes */

/** So few buckets show no trend. */
const MIN_BUCKETS = 3;

/** @param {{ data: EventTypes | null, isBusy: boolean, state: State, open: (params: Record<string, string>) => void }} props */
export function TypeList({ data, isBusy, state, open }) {
  return html`<section class=${"card panel" + (isBusy ? " busy" : "")} aria-label=${t("eventTypes")}>
    <div class="tabs"><h2 class="tab on">${t("eventTypes")}</h2></div>
    ${!data ? html`<div class="skeleton list-sk"></div>` : data.types.length ? html`<${TypeTable} data=${data} state=${state} open=${open} />`
      : html`<${Empty} title=${t("noTypes")}>${t("noTypesText")}<//><${Snippets} />`}
    ${data && data.type_count > data.types.length && html`<div class="panel-foot"><span>${t("typesInAll",
      { n: exact(data.type_count) }, data.type_count)}</span></div>`}
  </section>`;
}

/** @param {{ type?: string }} props */
export const Snippets = ({ type }) => html`<div class="snippets">${snippets(type).map(({ label, text }) => html`<div key=${label}>
  <div class="code-head">${label}</div><${Code} text=${text} label=${label} /></div>`)}</div>`;

/** @param {{ data: EventTypes, state: State, open: (params: Record<string, string>) => void }} props */
function TypeTable({ data, state, open }) {
  const isCompared = data.types.some((one) => one.change);
  const hasTrend = data.types[0].series.length >= MIN_BUCKETS;
  const max = Math.max(1, ...data.types.map((one) => one.events));
  return html`<table class="wide">
    <colgroup><col />${hasTrend && html`<col class="c-t hide-small" />`}<col class="c-v" /><col class="c-v" />
      ${isCompared && html`<col class="c-v hide-small" />`}<col class="c-d hide-small" /></colgroup>
    <thead><tr><th scope="col">${t("type")}</th>${hasTrend && html`<th scope="col" class="hide-small">${t("trend")}</th>`}
      <th scope="col">${t("events")}</th><th scope="col">${t("users")}</th>
      ${isCompared && html`<th scope="col" class="hide-small">${t("change")}</th>`}<th scope="col" class="hide-small">${t("lastDay")}</th></tr></thead>
    <tbody>${data.types.map((one) => html`<tr key=${one.type}>
      <td class="row"><span class="fill" style=${{ "--w": (one.events / max) * 100 + "%" }}></span>
        <a class="cell" href=${addressOf(state, { type: one.type })} title=${t("typeOpen", { name: one.type })}
          onClick=${onPlainClick(() => open({ type: one.type }))}><span class="lbl">${typeName(one.type)}</span></a></td>
      ${hasTrend && html`<td class="spark-cell hide-small"><${Spark} values=${one.series} /></td>`}
      <td class="v" title=${exact(one.events)}>${count(one.events)}</td><td class="v" title=${exact(one.users)}>${count(one.users)}</td>
      ${isCompared && html`<td class="v hide-small"><${Delta} change=${one.change?.events} good=${1} /></td>`}
      <td class="s hide-small">${days(one.last_day, one.last_day)}</td></tr>`)}</tbody></table>`;
}
