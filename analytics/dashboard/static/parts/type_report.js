// The report on one event type: its figures, time series, properties and their values, and any dimension.
import { html, useEffect, useState } from "../vendor/preact.js";
import { address, useModule, useReport } from "../app/api.js";
import { count, days, exact, typeName, unescaped } from "../app/format.js";
import { withCompare } from "../app/goals.js";
import { Icon } from "../app/icons.js";
import { onPlainClick, addressOf } from "../app/params.js";
import { reportQuery, unitOf } from "../app/state.js";
import { addWords, fieldName, t } from "../app/words.js";
import { toggleValue } from "./filters.js";
import { Delta } from "./delta.js";
import { ValueTable } from "./panel.js";
import { Empty } from "./rows.js";
import { Figure } from "./ranking.js";
import { ReportFoot, ReportProblem } from "./report_frame.js";
import { Chartable, DIMENSIONS, Series } from "./series.js";
import { Snippets } from "./type_list.js";

await addWords(() => import("../app/words_event_reports.js"), () => import("../app/words_event_reports_de.js"));

/** @typedef {{ name: string, property: string, events: number, users: number }} Property */
/** @typedef {import("./type_list.js").EventTypes} EventTypes */
/** @typedef {{ granularity: string, series: Point[], previous?: { from: string, to: string, series: Point[] }, meta: Meta }} Timeseries */

const ROWS = 10;
const MOST_PROPERTIES = 100;

/** @param {{ type: string, state: State, params: Record<string, string>, go: Go, ready: (isReady: boolean) => void,
 *   open: (params: Record<string, string>, replace?: boolean) => void }} props `open`: keeps the type. */
export default function TypeReport({ type, state, params, go, open, ready }) {
  const query = typeQuery(type, state);
  /** @type {Report<EventTypes>} */
  const totals = useReport("reports/event-types?" + withCompare(query, state));
  const series = new URLSearchParams(query);
  series.set("granularity", unitOf(state));
  /** @type {Report<Timeseries>} */
  const report = useReport("reports/timeseries?" + withCompare(series, state));
  const metric = params.measure === "users" ? "users" : "events";
  const choose = (/** @type {string} */ measure) => open({ ...params, measure: measure === "events" ? "" : measure }, true);
  const row = totals.data?.types.find((one) => one.type === type);
  const error = totals.error ?? report.error;
  const named = (/** @type {Point[]} */ points) => points.map((one) => ({ ...one, users: one.visitors }));
  const { data } = report;
  const isReady = (data !== null || report.error !== null) && (totals.data !== null || totals.error !== null);
  useEffect(() => ready(isReady), [isReady]);
  return html`<${ReportProblem} error=${error} meta=${data?.meta} retry=${() => { totals.retry(); report.retry(); }} go=${go} />
    <section class=${"card hero" + (report.isBusy && data ? " busy" : "")} aria-label=${type}>
      <div class="kpis four">
        <${Chartable} name=${t("events")} metric="events" value=${totals.data ? (row?.events ?? 0) : null} chosen=${metric} choose=${choose}
          foot=${row?.change && html`<${Delta} change=${row.change.events} good=${1} /><span>${t("fromValue", { value: count(row.previous?.events) })}</span>`} />
        <${Chartable} name=${t("users")} metric="users" value=${totals.data ? (row?.users ?? 0) : null} chosen=${metric} choose=${choose}
          foot=${row?.change && html`<${Delta} change=${row.change.users} good=${1} /><span>${t("fromValue", { value: count(row.previous?.users) })}</span>`} />
        <${Figure} name=${t("firstDay")} value=${row ? days(row.first_day, row.first_day) : "–"} foot=${t("inPeriod")} />
        <${Figure} name=${t("lastDay")} value=${row ? days(row.last_day, row.last_day) : "–"} foot=${t("inPeriod")} />
      </div>
      ${!data ? html`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>` : totals.data && !row
        ? html`<${Empty} title=${t("noTypes")}>${t("noTypesText")}<//><${Snippets} type=${type} />`
        : html`<${Series} points=${named(data.series)} before=${data.previous && { ...data.previous, series: named(data.previous.series) }} metric=${metric}
          name=${t(metric)} total=${row?.[metric] ?? null} unit=${data.granularity} meta=${data.meta} state=${state} go=${go}
          csv=${address("reports/timeseries?" + series + "&format=csv")} />`}
    </section>
    <div class="panels">
      <${Properties} type=${type} state=${state} chosen=${params.prop} open=${(/** @type {string} */ prop) => open({ ...params, prop }, true)} params=${params} />
      ${params.prop && html`<${Values} key=${params.prop} type=${type} state=${state} go=${go} dimension=${"payload." + params.prop}
        title=${t("valuesOf", { name: unescaped(params.prop) })} />`}
      <${Values} type=${type} state=${state} go=${go} dimension=${params.by || DIMENSIONS[0]} title=${t("by")}
        choose=${(/** @type {string} */ by) => open({ ...params, by: by === DIMENSIONS[0] ? "" : by }, true)} />
    </div>
    ${data && html`<${ReportFoot} meta=${data.meta} took=${report.took} />`}`;
}

/** @param {string} type @param {State} state */
function typeQuery(type, state) {
  const query = reportQuery(state);
  query.set("type", type);
  return query;
}

/** The names in the payloads of the type. @param {{ type: string, state: State, chosen: string, open: (property: string) => void,
 *   params: Record<string, string> }} props */
function Properties({ type, state, chosen, open, params }) {
  const query = typeQuery(type, state);
  query.set("limit", String(MOST_PROPERTIES));
  /** @type {Report<{ property_count: number, properties: Property[] }>} */
  const { data, error, isBusy, retry } = useReport("reports/properties?" + query);
  const max = Math.max(1, ...(data?.properties ?? []).map((one) => one.events));
  return html`<section class=${"card panel" + (isBusy && data ? " busy" : "")} aria-label=${t("propertiesOf")}>
    <div class="tabs"><h2 class="tab on">${t("propertiesOf")}</h2></div>
    ${error && html`<${ReportProblem} error=${error} retry=${retry} go=${() => {}} />`}
    ${!data ? !error && html`<div class="skeleton list-sk"></div>` : !data.properties.length
      ? html`<${Empty} title=${t("noProperties")}>${t("noPropertiesText")}<//><${Snippets} type=${type} />`
      : html`<div class="scrolls" tabindex="0" role="group" aria-label=${`${t("propertiesOf")}: ${typeName(type)}`}><table>
      <colgroup><col /><col class="c-v" /><col class="c-v" /></colgroup>
      <thead><tr><th scope="col">${t("property_")}</th><th scope="col">${t("users")}</th><th scope="col">${t("events")}</th></tr></thead>
      <tbody>${data.properties.map((one) => html`<tr key=${one.name} class=${one.property === chosen ? "chosen" : ""}>
        <td class="row"><span class="fill" style=${{ "--w": (one.events / max) * 100 + "%" }}></span>
          <a class="cell" aria-current=${one.property === chosen ? "true" : undefined} href=${addressOf(state, { ...params, type, prop: one.property })}
            title=${t("valuesOpen", { name: one.name })} onClick=${onPlainClick(() => open(one.property === chosen ? "" : one.property))}>
            <span class="lbl">${one.name}</span></a></td>
        <td class="v" title=${exact(one.users)}>${count(one.users)}</td><td class="v" title=${exact(one.events)}>${count(one.events)}</td></tr>`)}</tbody></table></div>`}
    <div class="panel-foot"><span>${data && data.property_count > data.properties.length
      ? t("propertiesInAll", { n: exact(data.property_count) }, data.property_count) : ""}</span></div>
  </section>`;
}

/** The values of a dimension or property. `choose`: another dimension.
 * @param {{ type: string, state: State, go: Go, dimension: string, title: string, choose?: (dimension: string) => void }} props */
function Values({ type, state, go, dimension, title, choose }) {
  const [isOpen, setOpen] = useState(false);
  const query = typeQuery(type, state);
  query.set("dimension", dimension);
  query.set("measures", "events,visitors");
  query.set("limit", String(ROWS));
  /** @type {Report<List>} */
  const { data, error, isBusy, retry } = useReport("reports/breakdown?" + query);
  const details = useModule(isOpen, () => import("./details.js"));
  const list = data?.dimension === dimension ? data : null;
  /** @type {Choose} */
  const filterBy = (field, value) => go({ filter: toggleValue(state.filter, field, value) });
  return html`<section class=${"card panel" + (isBusy && list ? " busy" : "")} aria-label=${title}>
    <div class="tabs"><h2 class="tab on">${title}</h2>${choose && html`<${DimensionSelect} value=${dimension} choose=${choose} />`}<span class="grow"></span>
      <a class="iconbtn" href=${address("reports/breakdown?" + query + "&format=csv").replace(`limit=${ROWS}`, "limit=1000")} download
        title=${t("csv")} aria-label=${`${t("csv")}: ${title}`}><${Icon} name="download" /></a></div>
    ${error && html`<${ReportProblem} error=${error} retry=${retry} go=${go} />`}
    <div class="list">${!list ? !error && html`<div class="skeleton list-sk"></div>`
      : html`<${ValueTable} list=${list} measure="events" total=${list.total} most=${ROWS} filter=${state.filter} choose=${filterBy} />`}</div>
    <div class="panel-foot"><span>${list && list.value_count > ROWS ? t("inAll", { n: exact(list.value_count) }, list.value_count) : ""}</span>
      ${list && list.rows.length > 0 && html`<button class="more" onClick=${() => setOpen(true)}><${Icon} name="expand" size="13" />${t("details")}</button>`}</div>
    ${isOpen && details && html`<${details.default} tab=${{ name: dimension, dimension, measure: "events" }} type=${type} state=${state}
      choose=${filterBy} close=${() => setOpen(false)} />`}
  </section>`;
}

/** @param {{ value: string, choose: (dimension: string) => void }} props */
export const DimensionSelect = ({ value, choose }) => html`<select class="on" aria-label=${t("chooseDimension")} value=${value}
  onChange=${(/** @type {any} */ event) => choose(event.target.value)}>
  ${DIMENSIONS.map((one) => html`<option key=${one} value=${one}>${fieldName(one)}</option>`)}</select>`;

