// The report on one goal: conversions, rate and revenue, by time and by dimension.
import { html, useEffect, useState } from "../vendor/preact.js";
import { address, useReport } from "../app/api.js";
import { DASH, count, exact, label, percent } from "../app/format.js";
import { amountsOf, money, withoutAmount } from "../app/goals.js";
import { Icon } from "../app/icons.js";
import { reportQuery, unitOf } from "../app/state.js";
import { addWords, fieldName, t } from "../app/words.js";
import { toggleValue } from "./filters.js";
import { Delta } from "./delta.js";
import { Empty, Flag } from "./rows.js";
import { ReportFoot, ReportProblem } from "./report_frame.js";
import { Chartable, DIMENSIONS, Series } from "./series.js";
import { DimensionSelect } from "./type_report.js";

await addWords(() => import("../app/words_event_reports.js"), () => import("../app/words_event_reports_de.js"));

/** @typedef {import("../app/goals.js").StoredGoal} StoredGoal */
/** @typedef {import("../app/goals.js").Conversions} Conversions */
/** @typedef {Conversions & { ts: string, to: string, date: string }} GoalPoint */
/** @typedef {Conversions & { granularity: string, series: GoalPoint[], dimension: string, rows: (Conversions & { value: string | null })[],
 *   other_conversions: number, previous?: Conversions & { from: string, to: string, series: GoalPoint[] },
 *   change?: import("../app/goals.js").Growth, meta: Meta }} GoalReportData */

const ROWS = 10;
/** @type {("conversions" | "users" | "rate")[]} */
const MEASURES = ["conversions", "users", "rate"];

/** @param {{ goal: StoredGoal, state: State, params: Record<string, string>, go: Go, ready: (isReady: boolean) => void,
 *   open: (params: Record<string, string>, replace?: boolean) => void }} props `open`: keeps the goal. */
export default function GoalReport({ goal, state, params, go, open, ready }) {
  const dimension = params.by || DIMENSIONS[0];
  const path = pathOf(goal, state);
  const { report, isRefused } = useCompared(path + `&granularity=${unitOf(state)}&dimension=${dimension}&limit=${ROWS}`, state);
  const { data, error } = report;
  const metric = MEASURES.find((one) => one === params.measure) ?? MEASURES[0];
  const choose = (/** @type {string} */ measure) => open({ ...params, measure: measure === MEASURES[0] ? "" : measure }, true);
  const isReady = data !== null || error !== null;
  useEffect(() => ready(isReady), [isReady]);
  const foot = (/** @type {"conversions" | "users" | "rate"} */ name) => data?.previous && html`<${Delta} change=${data.change?.[name]} good=${1} />
    <span>${t("fromValue", { value: name === "rate" ? percent(data.previous[name]) : count(data.previous[name]) })}</span>`;
  return html`<${ReportProblem} error=${error} meta=${data?.meta} retry=${report.retry} go=${go} />
    ${isRefused && html`<p class="note-line-text" role="status">${t("noComparison")}</p>`}
    <section class=${"card hero" + (report.isBusy && data ? " busy" : "")} aria-label=${goal.name}>
      <div class="kpis four">
        ${MEASURES.map((name) => html`<${Chartable} key=${name} name=${t(name)} metric=${name} value=${data?.[name]} chosen=${metric}
          choose=${choose} foot=${foot(name)} />`)}
        ${goal.value ? html`<${Revenue} data=${data} /> ` : html`<div class="kpi" title=${exact(data?.active_users)}><span class="kpi-label">${t("active")}</span>
          <span class="kpi-value">${count(data?.active_users)}</span><span class="kpi-foot"></span></div>`}
      </div>
      ${!data ? html`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>`
        : !data.conversions && !data.previous?.conversions ? html`<${Empty} title=${t("noConversions")}>${t("noConversionsText")}<//>`
        : html`<${Series} points=${data.series} before=${data.previous} metric=${metric} name=${t(metric)} total=${data[metric]} unit=${data.granularity}
          meta=${data.meta} state=${state} go=${go} csv=${address(path + `&granularity=${unitOf(state)}&format=csv`)} />`}
    </section>
    <div class="main-gap"></div>
    <${ByValue} data=${data} isBusy=${report.isBusy} dimension=${dimension} hasAmounts=${goal.value !== null} state=${state} go=${go}
      csv=${address(path + `&dimension=${dimension}&limit=1000&format=csv`)}
      choose=${(/** @type {string} */ by) => open({ ...params, by: by === DIMENSIONS[0] ? "" : by }, true)} />
    ${data && html`<${ReportFoot} meta=${data.meta} took=${report.took} />`}`;
}

/** @param {StoredGoal} goal @param {State} state */
const pathOf = (goal, state) => `goals/${goal.id}/report?${reportQuery(state)}`;

/** The report with the comparison of the address; without it where the other period's events may be purged.
 * @param {string} path @param {State} state */
function useCompared(path, state) {
  const [refused, setRefused] = useState("");
  const compared = state.compare === "none" ? path : `${path}&compare=${state.compare}`;
  const isRefused = refused === compared;
  /** @type {Report<GoalReportData>} */
  const found = useReport(isRefused ? path : compared);
  const isPurged = found.error?.status === 400 && found.error.message.startsWith("compare:");
  useEffect(() => {
    if (isPurged) setRefused(compared);
  }, [isPurged]);
  return { report: isPurged ? { ...found, error: null } : found, isRefused };
}

/** Each currency apart. @param {{ data: GoalReportData | null }} props */
function Revenue({ data }) {
  const amounts = data?.amounts ?? [];
  const [first, ...others] = amounts;
  return html`<div class="kpi" title=${amounts.map((one) => `${one.amount} ${one.currency ?? ""}`).join(", ")}><span class="kpi-label">${t("revenue")}</span>
    <span class="kpi-value">${first ? money(first) : DASH}</span>
    <span class="kpi-foot">${[...others.map(money), data ? withoutAmount(data) : ""].filter(Boolean).join(", ")}</span></div>`;
}

/** @param {{ data: GoalReportData | null, isBusy: boolean, dimension: string, hasAmounts: boolean, state: State, go: Go, csv: string,
 *   choose: (dimension: string) => void }} props */
function ByValue({ data, isBusy, dimension, hasAmounts, state, go, csv, choose }) {
  const rows = data?.dimension === dimension ? data.rows : null;
  const max = Math.max(1, ...(rows ?? []).map((one) => one.conversions ?? 0));
  const others = data?.other_conversions ?? 0;
  return html`<section class=${"card panel" + (isBusy && rows ? " busy" : "")} aria-label=${t("by")}>
    <div class="tabs"><h2 class="tab on">${t("by")}</h2><${DimensionSelect} value=${dimension} choose=${choose} /><span class="grow"></span>
      <a class="iconbtn" href=${csv} download title=${t("csv")} aria-label=${`${t("csv")}: ${fieldName(dimension)}`}><${Icon} name="download" /></a></div>
    ${!rows ? html`<div class="skeleton list-sk"></div>` : !rows.length ? html`<${Empty} title=${t("nothing")}>${t("nothingText")}<//>` : html`<table class="wide">
      <colgroup><col /><col class="c-v" /><col class="c-v hide-small" /><col class="c-v" />${hasAmounts && html`<col class="c-m hide-small" />`}</colgroup>
      <thead><tr><th scope="col">${fieldName(dimension)}</th><th scope="col">${t("conversions")}</th><th scope="col" class="hide-small">${t("users")}</th>
        <th scope="col">${t("rate")}</th>${hasAmounts && html`<th scope="col" class="hide-small">${t("revenue")}</th>`}</tr></thead>
      <tbody>${rows.map((one) => html`<tr key=${one.value}><td class="row"><span class="fill" style=${{ "--w": ((one.conversions ?? 0) / max) * 100 + "%" }}></span>
        <button class="cell" title=${t("filterBy", { value: one.value ?? label(dimension, null) })}
          onClick=${() => go({ filter: toggleValue(state.filter, dimension, one.value) })}><${Flag} dimension=${dimension} value=${one.value} />
          <span class=${one.value ? "lbl" : "lbl none"}>${label(dimension, one.value)}</span></button></td>
        <td class="v" title=${exact(one.conversions)}>${count(one.conversions)}</td><td class="v hide-small" title=${exact(one.users)}>${count(one.users)}</td>
        <td class="v">${percent(one.rate)}</td>${hasAmounts && html`<td class="v hide-small money" title=${withoutAmount(one)}>${amountsOf(one) || DASH}</td>`}</tr>`)}</tbody></table>`}
    <div class="panel-foot"><span>${others > 0 ? t("otherValues", { n: exact(others) }, others) : ""}</span></div>
  </section>`;
}
