// The report on a stored funnel: key figures, steps, days, cohorts, a dimension, and other funnels beside it.
import { html, useEffect, useState } from "../vendor/preact.js";
import { useReport } from "../app/api.js";
import { DASH, bucket, duration, exact, label, rate, ratio } from "../app/format.js";
import { addressOf, onPlainClick } from "../app/params.js";
import { Icon } from "../app/icons.js";
import { may, reportQuery } from "../app/state.js";
import { fieldName, t } from "../app/words.js";
import { Columns } from "../charts/columns.js";
import { FunnelSteps } from "../charts/funnel.js";
import { described } from "./frame.js";
import { compareFunnels } from "./funnel_requests.js";
import { Delta } from "./delta.js";
import { Menu } from "./menu.js";
import { Empty } from "./rows.js";
import { Figure } from "./ranking.js";
import { ReportFoot, ReportProblem } from "./report_frame.js";
import { USERS_PAGE } from "./user_group.js";

/** @typedef {import("../app/funnel.js").Funnel} Funnel */
/** @typedef {import("../app/params.js").Params} Params */
/** @typedef {{ total_starts: number, total_conversions: number, conversion_rate: number | null, avg_time_to_convert: number | null,
 *   avg_value: number | null, total_value: number | null, step_analytics: import("../charts/funnel.js").StepRow[] }} Totals */
/** @typedef {{ value: string | null, total_starts: number, total_conversions: number, conversion_rate: number | null }} ValueRow */
/** @typedef {Totals & { previous?: Totals, change?: Record<string, number | null>,
 *   daily_performance: { date: string, total_starts: number, conversions: number, conversion_rate: number | null }[],
 *   cohort_data: { cohort_date: string, cohort_size: number, conversions: number, conversion_rate: number | null, avg_time_to_convert: number | null }[],
 *   breakdown?: { dimension: string, rows: ValueRow[] }, funnel_id: string, meta: Meta }} FunnelReportData */
/** @typedef {import("./funnel_requests.js").Compared} Compared */

/** Dimensions of the first step's event. */
const DIMENSIONS = ["country", "region", "city", "language", "device", "browser", "os", "screen", "path", "hostname", "channel", "source",
  "referrer", "utm_campaign", "utm_source", "utm_medium", "utm_term", "utm_content"];
const FEW = 10;
const MANY = 1000;
const MOST_COMPARED = 20;

/** The address of the report. @param {Funnel} funnel @param {State} state @param {Params} params */
function reportPath(funnel, state, params) {
  const query = reportQuery(state);
  if (state.compare !== "none") query.set("compare", state.compare);
  query.set("breakdown", dimensionOf(params));
  query.set("limit", String(params.all ? MANY : FEW));
  return `../v1/funnels/${funnel.id}/analytics/detailed?${query}`;
}

/** @param {Params} params */
const dimensionOf = (params) => (DIMENSIONS.includes(params.by) ? params.by : DIMENSIONS[0]);

/** `drawn`: called when the report stands.
 * @param {{ funnel: Funnel, funnels: Funnel[], state: State, params: Params, go: Go,
 *   open: (params: Params, replace?: boolean) => void, ready: (isReady: boolean) => void }} props */
export function FunnelReport({ funnel, funnels, state, params, go, open, ready }) {
  /** @type {Report<FunnelReportData>} */
  const report = useReport(reportPath(funnel, state, params));
  const data = report.data?.funnel_id === funnel.id ? report.data : null;
  const isReady = (data !== null && !report.isBusy) || report.error !== null;
  useEffect(() => ready(isReady), [isReady]);
  const isBusy = report.isBusy && data !== null;
  const busy = isBusy ? " busy" : "";
  const who = may("export") ? (/** @type {number} */ step, /** @type {boolean} */ isLost) =>
    addressOf(state, { funnel: funnel.id, step: String(step), reached: isLost ? "dropped" : "true" }, USERS_PAGE) : undefined;
  return html`<${ReportProblem} error=${report.error} meta=${data?.meta} retry=${report.retry} go=${go} />
    <section class=${"card hero" + busy} aria-label=${funnel.name}>
      <${Totals} data=${data} hasValue=${funnel.value !== null} />
      ${!data ? html`<div class="skeleton funnel-sk"></div>` : data.total_starts || data.previous?.total_starts ? html`<${FunnelSteps} rows=${data.step_analytics}
        before=${data.previous?.step_analytics} definition=${funnel} who=${who} />`
        : html`<${Empty} title=${t("noStarts")}>${t("noStartsText")}<//>`}
      <p class="counted-as">${t(funnel.ordering === "strict" ? "strictText" : "orderedText")} ${t("windowText", { time: windowText(funnel.window_s) })}</p>
    </section>
    ${data && data.total_starts > 0 && html`<div class="panels">
      <${Days} data=${data} busy=${busy} />
      <${Breakdown} data=${data} busy=${busy} params=${params} open=${open} />
      <${Cohorts} data=${data} busy=${busy} />
      <${Comparison} funnel=${funnel} funnels=${funnels} state=${state} params=${params} open=${open} />
    </div>`}
    ${data && html`<${ReportFoot} meta=${data.meta} took=${report.took} />`}`;
}

/** @param {number} seconds */
const windowText = (seconds) => (seconds % 86400 ? duration(seconds) : t("daysCount", { n: seconds / 86400 }, seconds / 86400));

/** @param {{ data: FunnelReportData | null, hasValue: boolean }} props */
function Totals({ data, hasValue }) {
  /** @param {"total_starts" | "total_conversions" | "conversion_rate" | "avg_time_to_convert" | "total_value"} name @param {Word} word
   * @param {(n: number | null | undefined) => string} format @param {1 | -1} [good] */
  const figure = (name, word, format, good = 1) => html`<${Figure} name=${t(word)} value=${data ? format(data[name]) : DASH}
    foot=${data?.previous?.[name] != null && html`<${Delta} change=${data.change?.[name]} good=${good} /><span>${t("fromValue", { value: format(data.previous[name]) })}</span>`} />`;
  return html`<div class=${"kpis " + (hasValue ? "five" : "four")}>
    ${figure("conversion_rate", "conversionRate", rate)}${figure("total_starts", "started", exact)}
    ${figure("total_conversions", "converted", exact)}${figure("avg_time_to_convert", "timeToConvert", duration, -1)}
    ${hasValue && figure("total_value", "totalValue", ratio)}</div>`;
}

/** @param {{ data: FunnelReportData, busy: string }} props */
function Days({ data, busy }) {
  const days = data.daily_performance;
  const isOpen = Date.parse(data.meta.to) > Date.parse(data.meta.computed_at);
  const name = (/** @type {number} */ index) => bucket(days[index].date + "T12:00:00Z", "day");
  return html`<section class=${"card panel" + busy} aria-label=${t("byDay")}>
    <div class="tabs"><h2 class="tab on">${t("byDay")}</h2></div>
    <div class="plot"><${Columns} values=${days.map((one) => one.conversions)} isOpen=${isOpen} height=${180}
      label=${t("byDayLabel")} marks=${[name(0), days.length > 2 ? name(days.length >> 1) : "", days.length > 1 ? name(days.length - 1) : ""]}
      describe=${(/** @type {number} */ index) => t("dayText", { day: name(index), n: exact(days[index].conversions), all: exact(days[index].total_starts),
        rate: rate(days[index].conversion_rate) })} /></div>
    <div class="panel-foot"><span>${t("byDayText")}</span></div>
  </section>`;
}

/** @param {{ data: FunnelReportData, busy: string, params: Params, open: (params: Params, replace?: boolean) => void }} props */
function Breakdown({ data, busy, params, open }) {
  const chosen = dimensionOf(params);
  const found = data.breakdown?.dimension === chosen ? data.breakdown : null;
  const rows = found?.rows ?? [];
  return html`<section class=${"card panel" + busy} aria-label=${t("breakdownTitle")}>
    <div class="tabs"><h2 class="tab on">${t("breakdownTitle")}</h2><select class="on" aria-label=${t("breakdownTitle")} value=${chosen}
      onChange=${(/** @type {any} */ event) => open({ ...params, by: event.target.value, all: "" }, true)}>
      ${DIMENSIONS.map((one) => html`<option key=${one} value=${one}>${fieldName(one)}</option>`)}</select></div>
    <div class="list">${!found ? html`<div class="skeleton map-sk"></div>` : html`<${RateTable} name=${fieldName(chosen)} rows=${rows.map((row) => ({
      key: row.value ?? "", text: label(chosen, row.value), starts: row.total_starts, conversions: row.total_conversions, rate: row.conversion_rate }))} />`}</div>
    <div class="panel-foot"><span>${t("breakdownText")}</span>
      ${rows.length === FEW && !params.all && html`<button class="more" onClick=${() => open({ ...params, all: "1" }, true)}>${t("showMore")}</button>`}</div>
  </section>`;
}

/** @typedef {{ key: string, text: string, starts: number, conversions: number, rate: number | null, time?: number | null, score?: number,
 *   href?: string, open?: () => void }} RateRow */

/** Rows with a rate, and a bar of it behind their name. @param {{ name: string, rows: RateRow[], extra?: "time" | "score" }} props */
function RateTable({ name, rows, extra }) {
  const max = Math.max(1e-9, ...rows.map((row) => row.rate ?? 0));
  return html`<table class="rates">
    <colgroup><col /><col class="c-v" /><col class="c-v" />${extra && html`<col class="c-v hide-small" />`}<col class="c-s" /></colgroup>
    <thead><tr><th scope="col">${name}</th><th scope="col">${t("started")}</th><th scope="col">${t("converted")}</th>
      ${extra && html`<th scope="col" class="hide-small">${t(extra === "time" ? "timeShort" : "score")}</th>`}<th scope="col">${t("rate")}</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.key}>
      <td class="row"><span class="fill" style=${{ "--w": ((row.rate ?? 0) / max) * 100 + "%" }}></span>
        ${row.href ? html`<a class="cell" href=${row.href} onClick=${row.open && onPlainClick(row.open)}><span class="lbl">${row.text}</span></a>`
          : html`<span class="cell" title=${row.text}><span class="lbl">${row.text}</span></span>`}</td>
      <td class="n">${exact(row.starts)}</td><td class="n">${exact(row.conversions)}</td>
      ${extra && html`<td class="n hide-small">${extra === "time" ? duration(row.time) : ratio(row.score)}</td>`}
      <td class="v">${rate(row.rate)}</td></tr>`)}</tbody>
  </table>`;
}

/** Who began on a day, and how many of them ever converted. @param {{ data: FunnelReportData, busy: string }} props */
function Cohorts({ data, busy }) {
  const rows = data.cohort_data.filter((row) => row.cohort_size > 0).reverse();
  return html`<section class=${"card panel" + busy} aria-label=${t("cohortsTitle")}>
    <div class="tabs"><h2 class="tab on">${t("cohortsTitle")}</h2></div>
    <div class="list scrolls" tabindex="0" role="group" aria-label=${t("cohortsTitle")}><${RateTable} name=${t("cohortDay")} extra="time"
      rows=${rows.map((row) => ({ key: row.cohort_date, text: bucket(row.cohort_date + "T12:00:00Z", "day"), starts: row.cohort_size,
        conversions: row.conversions, rate: row.conversion_rate, time: row.avg_time_to_convert }))} /></div>
    <div class="panel-foot"><span>${t("cohortsText")}</span></div>
  </section>`;
}

/** This funnel beside others. @param {{ funnel: Funnel, funnels: Funnel[], state: State, params: Params,
 *   open: (params: Params, replace?: boolean) => void }} props */
function Comparison({ funnel, funnels, state, params, open }) {
  const others = funnels.filter((one) => one.id !== funnel.id);
  const chosen = params.with.split(",").filter((id) => others.some((one) => one.id === id)).slice(0, MOST_COMPARED - 1);
  const { rows, error } = useCompared(chosen.length ? [funnel.id, ...chosen] : [], reportQuery(state).toString());
  /** @param {string} id */
  const toggle = (id) => open({ ...params, with: (chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]).join() }, true);
  return html`<section class="card panel" aria-label=${t("comparisonTitle")}>
    <div class="tabs compare-tabs"><h2 class="tab on">${t("comparisonTitle")}</h2><span class="grow"></span></div>
    <div class="list">${error ? html`<${Empty} title=${t("problem")}>${error.message}<//>`
      : !chosen.length ? html`<${Empty} title=${t("comparisonEmpty")}>${t(others.length ? "comparisonEmptyText" : "comparisonNone")}<//>`
      : !rows ? html`<div class="skeleton map-sk"></div>`
      : html`<${RateTable} name=${t("funnelWord")} extra="score" rows=${rows.map((row) => ({ key: row.funnel_id, text: row.funnel_name,
        starts: row.total_starts, conversions: row.total_conversions, rate: row.conversion_rate, score: row.performance_score }))} />`}</div>
    <div class="panel-foot"><span>${chosen.length > 0 && t("scoreText")}</span></div>
    ${others.length > 0 && html`<div class="compare-pick"><${Menu} label=${t("chooseFunnels")} title=${t("comparisonTitle")} button="btn small">
      <div role="menu" aria-label=${t("comparisonTitle")}>${others.map((one) => html`<button key=${one.id} class="item" role="menuitemcheckbox"
        aria-checked=${chosen.includes(one.id)} disabled=${!chosen.includes(one.id) && chosen.length >= MOST_COMPARED - 1}
        onClick=${() => toggle(one.id)}><${Icon} name=${chosen.includes(one.id) ? "check" : "plus"} /><span class="lbl">${one.name}</span></button>`)}</div>
    <//></div>`}
  </section>`;
}

/** Figures of several funnels. @param {string[]} ids @param {string} query */
function useCompared(ids, query) {
  const [found, setFound] = useState(/** @type {{ key: string, rows: Compared[] | null, error: Failure | null }} */ ({ key: "", rows: null, error: null }));
  const key = `${ids} ${query}`;
  useEffect(() => {
    if (!ids.length) return undefined;
    let isCurrent = true;
    compareFunnels(ids, query).then((rows) => isCurrent && setFound({ key, rows, error: null }),
      (failure) => isCurrent && setFound({ key, rows: null, error: described(failure) }));
    return () => {
      isCurrent = false;
    };
  }, [key]);
  return found.key === key ? found : { rows: null, error: null };
}
