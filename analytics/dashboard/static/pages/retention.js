// Who comes back: the retention grid, and beside it the lifecycle and the stickiness of a site's people.
import { html, useEffect, useState } from "../vendor/preact.js";
import { address, get, useReport } from "../app/api.js";
import { calendarTick, calendarUnit } from "../app/calendar.js";
import { DASH, count, exact, percent } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { PRESETS, SITE, may, periodOf, reportQuery, useAddress } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { CohortGrid } from "../charts/cohorts.js";
import { Lines } from "../charts/lines.js";
import { Legend } from "../charts/plot.js";
import { Stack } from "../charts/stack.js";
import { Empty } from "../parts/rows.js";
import { ReportFrame, ReportProblem } from "../parts/report_frame.js";

await addWords(() => import("../app/words_retention.js"), () => import("../app/words_retention_de.js"));

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {import("../charts/cohorts.js").Grid} Grid */
/** @typedef {{ granularity: string, series: { date: string, active: number, new: number, returning: number,
 *   resurrected: number, dormant: number }[], last_is_over: boolean, meta: Meta }} Lifecycle */
/** @typedef {{ series: { date: string, dau: number, wau: number, mau: number, stickiness: number | null }[],
 *   meta: Meta }} Stickiness */
/** @typedef {State & typeof DEFAULTS} RetentionState */

export const DEFAULTS = { period: "91d", type: "", numbers: "" };
const UNITS = ["day", "week", "month"];
const TYPES = 100;

/** @param {{ pages: PageEntry[] }} props */
export default function RetentionPage({ pages }) {
  const [state, go] = useAddress(DEFAULTS);
  const unit = unitOf(state);
  const query = audienceQuery(state, unit);
  const path = gridPath(state);
  /** @type {Report<Grid>} */
  const grid = useReport(path);
  const isReady = grid.data !== null && !grid.isBusy;
  return html`<${ReportFrame} pages=${pages} name="retention" title=${t("retention")} intro=${t("retentionIntro")}
    isReady=${isReady} state=${state} go=${go} tools=${["filter", "period"]}>
    <${ReportProblem} error=${grid.error} retry=${grid.retry} go=${go} />
    <section class=${"card panel" + (grid.isBusy && grid.data ? " busy" : "")} aria-label=${t("retention")}>
      <div class="plot-head tools-row">
        <${UnitChoice} unit=${unit} state=${state} go=${go} /><${ShowChoice} state=${state} go=${go} />
        <${TypeChoice} state=${state} go=${go} /><span class="grow"></span>
        <a class="iconbtn" href=${address(path + "&format=csv")} download title=${t("csv")}
          aria-label=${t("csv")}><${Icon} name="download" /></a>
      </div>
      <${GridBody} data=${grid.data} state=${state} go=${go} isFailed=${grid.error !== null} />
    </section>
    <div class="panels">
      <${LifecyclePanel} query=${query.toString()} state=${state} go=${go} />
      <${StickinessPanel} query=${audienceQuery(state).toString()} state=${state} go=${go} />
    </div>
  <//>`;
}

/** The request of the grid, which the shell preloads. @param {RetentionState} state */
export function gridPath(state) {
  const query = audienceQuery(state, unitOf(state));
  if (state.filter) query.set("filter", state.filter);
  return "reports/retention?" + query;
}

/** The units that make a grid of a period that can be read. @param {number} days */
const fitting = (days) => UNITS.filter((unit) => ({ day: days <= 45, week: days > 13, month: days > 59 })[unit]);

/** @param {State} state */
function unitOf(state) {
  const [, days] = periodOf(state);
  if (fitting(days).includes(state.unit)) return state.unit;
  return days <= 13 ? "day" : days <= 200 ? "week" : "month";
}

/** What reports on people take: they have no filter. @param {RetentionState} state @param {string} [unit] */
function audienceQuery(state, unit) {
  const query = reportQuery(state, "");
  if (unit) query.set("unit", unit);
  if (state.type) query.set("type", state.type);
  return query;
}

/** @param {{ unit: string, state: RetentionState, go: Go<RetentionState> }} props */
function UnitChoice({ unit, state, go }) {
  const units = fitting(periodOf(state)[1]);
  if (units.length < 2) return null;
  return html`<span class="seg" role="group" aria-label=${t("interval")}>${units.map((one) => html`<button key=${one}
    aria-pressed=${one === unit} onClick=${() => go({ unit: one })}>${t(/** @type {Word} */ (one + "Unit"))}</button>`)}</span>`;
}

/** @param {{ state: RetentionState, go: Go<RetentionState> }} props */
const ShowChoice = ({ state, go }) => html`<span class="seg" role="group" aria-label=${t("showAs")}>
  <button aria-pressed=${!state.numbers} onClick=${() => go({ numbers: "" }, true)}>${t("percentages")}</button>
  <button aria-pressed=${Boolean(state.numbers)} onClick=${() => go({ numbers: "1" }, true)}>${t("numbers")}</button></span>`;

/** The types of events of the period, the most frequent first. @param {{ state: RetentionState, go: Go<RetentionState> }}
 *   props */
function TypeChoice({ state, go }) {
  const [types, setTypes] = useState(/** @type {string[]} */ ([]));
  const query = reportQuery(state, "") + `&dimension=type&limit=${TYPES}`;
  useEffect(() => {
    const abort = new AbortController();
    /** @param {List} list */
    const read = (list) => setTypes(list.rows.flatMap((row) => row.value ?? []));
    get("reports/breakdown?" + query, abort.signal).then(read, () => {});
    return () => abort.abort();
  }, [query]);
  const all = state.type && !types.includes(state.type) ? [state.type, ...types] : types;
  return html`<select class="choice" aria-label=${t("eventType")} value=${state.type}
    onChange=${(/** @type {any} */ event) => go({ type: event.target.value })}>
    <option value="">${t("anyEvent")}</option>
    ${all.map((one) => html`<option key=${one} value=${one} selected=${one === state.type}>${one}</option>`)}</select>`;
}

/** @param {{ data: Grid | null, state: RetentionState, go: Go<RetentionState>, isFailed: boolean }} props */
function GridBody({ data, state, go, isFailed }) {
  if (!data) return html`<div class=${(isFailed ? "" : "skeleton ") + "cohorts-sk"}></div>`;
  if (!data.cohorts.some((one) => one.size)) return html`<${NoPeople} state=${state} go=${go} />`;
  /** @param {string} start @param {number} offset */
  const open = (start, offset) => {
    const query = new URLSearchParams({ cohort: start, unit: data.unit, offset: String(offset) });
    if (state.type) query.set("type", state.type);
    if (state.filter) query.set("filter", state.filter);
    return `/sites/${encodeURIComponent(SITE)}/users?${query}`;
  };
  return html`<${CohortGrid} data=${begun(data)} isNumbers=${Boolean(state.numbers)} open=${may("export") ? open : undefined} />`;
}

/** The grid from the first cohort on that has people. @param {Grid} data @returns {Grid} */
function begun(data) {
  const first = data.cohorts.findIndex((one) => one.size);
  const cohorts = data.cohorts.slice(first);
  return { ...data, cohorts, average_rates: data.average_rates.slice(0, cohorts.length), units_over: data.units_over - first };
}

/** Offers what may have somebody. @param {{ state: State, go: Go }} props */
function NoPeople({ state, go }) {
  const title = t("noCohorts");
  if (state.filter) return html`<${Empty} title=${title}><button class="btn" onClick=${() => go({ filter: "" })}>
    ${t("clearFilters")}</button><//>`;
  const longer = PRESETS.find((one) => one.name === (periodOf(state)[1] < 91 ? "91d" : "year"));
  return html`<${Empty} title=${title}>${t("emptyText")}${longer && longer.name !== state.period && html`<div><button
    class="btn" onClick=${() => go({ period: longer.name, unit: "" })}>${t(longer.name)}</button></div>`}<//>`;
}

/** @type {["returning", "resurrected", "new"]} */
const PARTS = ["returning", "resurrected", "new"];

/** @param {{ query: string, state: RetentionState, go: Go<RetentionState> }} props */
function LifecyclePanel({ query, state, go }) {
  /** @type {Report<Lifecycle>} */
  const { data, isBusy, error, retry } = useReport("reports/lifecycle?" + query);
  return html`<${ChartPanel} title=${t("lifecycle")} text=${t("lifecycleText")} isBusy=${isBusy && data !== null}
    isFiltered=${Boolean(state.filter)}
    legend=${[...PARTS.toReversed(), "dormant"].map((kind) => html`<${Legend} key=${kind} kind=${"part-" + kind}
      name=${t(/** @type {Word} */ (kind))} />`)}>
    <${ReportProblem} error=${error} retry=${retry} go=${go} />
    ${data ? html`<${LifecycleChart} data=${data} />`
      : !error && html`<div class="skeleton plot-sk"></div>`}
  <//>`;
}

/** @param {{ data: Lifecycle }} props */
function LifecycleChart({ data }) {
  const { series, granularity: unit } = data;
  if (!series.some((one) => one.active || one.dormant)) return html`<${Empty} title=${t("nothing")}>${t("nothingText")}<//>`;
  const isOpen = (/** @type {number} */ index) => index === series.length - 1 && !data.last_is_over;
  const columns = series.map((one, index) => ({ isOpen: isOpen(index), below: ["dormant", one.dormant],
    parts: PARTS.map((kind) => [kind, one[kind]]) }));
  /** @param {number} index */
  const read = (index) => ({
    title: calendarUnit(series[index].date, unit) + (isOpen(index) ? ` (${t("soFar")})` : ""),
    rows: ["active", ...PARTS.toReversed(), "dormant"].map((kind) => ({ kind: "part-" + kind,
      name: t(/** @type {Word} */ (kind)), value: exact(series[index][/** @type {"new"} */ (kind)]) })),
  });
  return html`<${Stack} columns=${columns} format=${count} read=${read}
    label=${t("lifecycleLabel", { unit: t(/** @type {Word} */ (unit + "Unit")) })}
    name=${(/** @type {number} */ index) => calendarTick(series[index].date, unit)} />`;
}

/** @param {{ query: string, state: RetentionState, go: Go<RetentionState> }} props */
function StickinessPanel({ query, state, go }) {
  /** @type {Report<Stickiness>} */
  const { data, isBusy, error, retry } = useReport("reports/stickiness?" + query);
  return html`<${ChartPanel} title=${t("stickiness")} text=${t("stickinessText")} isBusy=${isBusy && data !== null}
    isFiltered=${Boolean(state.filter)} legend=${html`<${Legend} kind="line-first" name=${t("stickiness")} />`}>
    <${ReportProblem} error=${error} retry=${retry} go=${go} />
    ${data ? html`<${StickinessChart} data=${data} />`
      : !error && html`<div class="skeleton plot-sk"></div>`}
  <//>`;
}

/** @param {{ data: Stickiness }} props */
function StickinessChart({ data }) {
  const { series } = data;
  if (!series.some((one) => one.mau)) return html`<${Empty} title=${t("nothing")}>${t("nothingText")}<//>`;
  /** @param {number} index */
  const read = (index) => {
    const one = series[index];
    const row = (/** @type {string} */ kind, /** @type {Word} */ word, /** @type {string} */ value) => ({ kind, name: t(word), value });
    return { title: calendarUnit(one.date, "day"), rows: [
      row("line-first", "stickiness", one.stickiness === null ? DASH : percent(one.stickiness)),
      row("", "dau", exact(one.dau)), row("", "wau", exact(one.wau)), row("", "mau", exact(one.mau)),
    ] };
  };
  return html`<${Lines} lines=${[{ kind: "first", values: series.map((one) => one.stickiness) }]} kind="bounce_rate"
    label=${t("stickinessLabel")} format=${percent} read=${read} isOpen=${Date.parse(data.meta.to) > Date.now()}
    name=${(/** @type {number} */ index) => calendarTick(series[index].date, "day")} />`;
}

/** @param {{ title: string, text: string, isBusy: boolean, isFiltered: boolean, legend?: unknown, children: unknown }}
 *   props */
const ChartPanel = ({ title, text, isBusy, isFiltered, legend, children }) => html`<section
  class=${"card panel" + (isBusy ? " busy" : "")} aria-label=${title}>
  <div class="tabs"><h2 class="tab on">${title}</h2></div>
  <div class="plot">${legend && html`<div class="plot-head">${legend}</div>`}${children}</div>
  <div class="panel-foot"><span>${text}${isFiltered ? " " + t("unfiltered") : ""}</span></div>
</section>`;
