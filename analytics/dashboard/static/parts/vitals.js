// Web vitals: three samples of a page's load, judged at the 75th percentile by the limits of https://web.dev/articles/vitals,
// over time and by page.
import { html, useEffect } from "../vendor/preact.js";
import { DASH, count, exact, ratio } from "../app/format.js";
import { locale, t } from "../app/words.js";
import { Lines } from "../charts/lines.js";
import { ReportProblem } from "./report_frame.js";
import { Empty } from "./rows.js";
import { PREFIX, TagChips, UnitSwitch, begun, bucketName, tickName, unitOf, useSamples, withTag } from "./sample_reports.js";

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {import("./sample_reports.js").SampleReport} SampleReport */
/** @typedef {import("./sample_reports.js").SamplesState} SamplesState */
/** @typedef {"good" | "needsWork" | "poor"} Rating */

const tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
/** @param {number | null} ms */
const time = (ms) => (ms === null ? DASH : ms < 1000 ? `${Math.round(ms)}\u00a0ms` : `${tenths.format(ms / 1000)}\u00a0s`);

/** `good` and `poor`: a value is good up to the one and poor above the other.
 * @type {{ name: "lcp" | "inp" | "cls", good: number, poor: number, format: (value: number | null) => string }[]} */
const VITALS = [
  { name: "lcp", good: 2500, poor: 4000, format: time },
  { name: "inp", good: 200, poor: 500, format: time },
  { name: "cls", good: 0.1, poor: 0.25, format: ratio },
];
/** @typedef {typeof VITALS[0]} Vital */
const TAG = "path";
const ROWS = 20;

/** @param {Vital} vital @param {number} value @returns {Rating} */
const rate = ({ good, poor }, value) => (value <= good ? "good" : value <= poor ? "needsWork" : "poor");

/** @param {{ state: SamplesState, go: Go<SamplesState>, onReady: (isReady: boolean) => void }} props */
export function Vitals({ state, go, onReady }) {
  const reports = [useSamples(state, PREFIX + "lcp", TAG), useSamples(state, PREFIX + "inp", TAG),
    useSamples(state, PREFIX + "cls", TAG)];
  const failed = reports.find((one) => one.error);
  const isBusy = reports.some((one) => one.isBusy);
  const isReady = reports.every((one) => one.data !== null && !one.isBusy);
  useEffect(() => onReady(isReady), [isReady]);
  const isEmpty = reports.every((one) => one.data?.count === 0);
  return html`<div class="vitals-head"><${TagChips} state=${state} go=${go} /><${UnitSwitch} state=${state} go=${go} /></div>
    <${ReportProblem} error=${failed?.error ?? null} retry=${() => reports.forEach((one) => one.error && one.retry())} go=${go} />
    ${isEmpty && html`<div class="card"><${Empty} title=${t("noSamplesHere")}>${t("emptyText")}<//></div>`}
    ${!isEmpty && html`<div class="vitals">${VITALS.map((vital, index) => html`<${VitalCard} key=${vital.name} vital=${vital}
      data=${reports[index].data} isBusy=${reports[index].isBusy} state=${state} />`)}</div>
    <${Paths} reports=${reports.map((one) => one.data)} isBusy=${isBusy} state=${state} go=${go} />`}`;
}

/** @param {{ vital: Vital, data: SampleReport | null, isBusy: boolean, state: SamplesState }} props */
function VitalCard({ vital, data, isBusy, state }) {
  const { name, good, poor, format } = vital;
  const value = data?.p75 ?? null;
  return html`<section class=${"card vital" + (isBusy && data ? " busy" : "")} aria-label=${t(name)}>
    <h2 class="kpi-label"><b>${name.toUpperCase()}</b> ${t(name)}</h2>
    ${!data ? html`<div class="skeleton vital-sk"></div>` : html`<div class="vital-value"><span class="kpi-value"
        title=${exact(value)}>${format(value)}</span>${value !== null && html`<${Rated} rating=${rate(vital, value)} />`}</div>
      <${Scale} vital=${vital} value=${value} />
      <p class="vital-text">${t(`${name}Text`)}. ${t("vitalLimits", { good: format(good), poor: format(poor) })}.</p>
      <${Trend} vital=${vital} data=${data} state=${state} />
      <p class="vital-text num">${t("vitalFoot", { n: exact(data.count) }, data.count)}</p>`}
  </section>`;
}

/** A rating, told by sign and word and not by colour alone. @param {{ rating: Rating, isShort?: boolean }} props */
const Rated = ({ rating, isShort }) => html`<span class=${"rated " + rating}><span class="sign" aria-hidden="true"></span>
  <span class=${isShort ? "vh" : ""}>${t(rating)}</span></span>`;

/** Where the value is among the limits: three zones of equal width. @param {{ vital: Vital, value: number | null }} props */
function Scale({ vital: { good, poor }, value }) {
  const place = value === null ? 0 : value <= good ? value / good / 3
    : value <= poor ? 1 / 3 + (value - good) / (poor - good) / 3 : Math.min(0.99, 1 - poor / value / 3);
  return html`<div class="scale" aria-hidden="true"><i class="good"></i><i class="needsWork"></i><i class="poor"></i>
    ${value !== null && html`<b style=${{ "--x": place * 100 + "%" }}></b>`}</div>`;
}

/** @param {{ vital: Vital, data: SampleReport, state: SamplesState }} props */
function Trend({ vital, data, state }) {
  const { series, isOpen } = begun(data);
  if (!data.count) return html`<div class="vital-none">${t("noSamplesHere")}</div>`;
  /** @param {number} index */
  const read = (index) => ({ title: bucketName(series[index].start, state), rows: [
    { kind: "line-first", name: "p75", value: vital.format(series[index].p75) },
    { kind: "", name: t("loads"), value: exact(series[index].count) },
  ] });
  return html`<${Lines} lines=${[{ kind: "first", values: series.map((one) => one.p75) }]} kind="views_per_visit" height=${150}
    label=${t("vitalLabel", { name: t(vital.name), unit: t(/** @type {Word} */ (unitOf(state) + "Unit")) })}
    format=${vital.format} read=${read} isOpen=${isOpen}
    name=${(/** @type {number} */ index) => tickName(series[index].start, state, series.length)} />`;
}

/** The pages with the most loads. @param {{ reports: (SampleReport | null)[], isBusy: boolean, state: SamplesState,
 *   go: Go<SamplesState> }} props */
function Paths({ reports, isBusy, state, go }) {
  if (reports.some((one) => one === null)) return null;
  const groups = reports.map((one) => new Map(one?.groups?.map((group) => [group.value, group])));
  const loads = (/** @type {string | null} */ path) => Math.max(...groups.map((one) => one.get(path)?.count ?? 0));
  const paths = [...new Set(groups.flatMap((one) => [...one.keys()]))].toSorted((a, b) => loads(b) - loads(a)).slice(0, ROWS);
  const most = Math.max(1, ...paths.map(loads));
  return html`<section class=${"card panel vital-paths" + (isBusy ? " busy" : "")} aria-label=${t("pages")}>
    <div class="tabs"><h2 class="tab on">${t("pages")}</h2></div>
    <table><colgroup><col /><col class="c-v hide-small" />${VITALS.map(({ name }) => html`<col key=${name} class="c-v" />`)}</colgroup>
      <thead><tr><th scope="col">${t("path")}</th><th scope="col" class="hide-small">${t("loads")}</th>
        ${VITALS.map(({ name }) => html`<th scope="col" key=${name}><abbr title=${t(name)}>${name.toUpperCase()}</abbr></th>`)}</tr></thead>
      <tbody>${paths.map((path) => html`<tr key=${path}>
        <td class="row"><span class="fill" style=${{ "--w": (loads(path) / most) * 100 + "%" }}></span>
          ${path === null ? html`<span class="cell"><span class="lbl none">${t("tagNone")}</span></span>` : html`<button
            class="cell" title=${t("onlyTag", { value: path })} onClick=${() => go({ tags: withTag(state, TAG, path) })}>
            <span class="lbl">${path || t("noValue")}</span></button>`}</td>
        <td class="v hide-small" title=${exact(loads(path))}>${count(loads(path))}</td>
        ${VITALS.map((vital, index) => html`<${VitalCell} key=${vital.name} vital=${vital}
          value=${groups[index].get(path)?.p75 ?? null} />`)}</tr>`)}</tbody></table>
    <div class="panel-foot"><span>${t("vitalsFoot")}</span></div>
  </section>`;
}

/** @param {{ vital: Vital, value: number | null }} props */
const VitalCell = ({ vital, value }) => html`<td class="v">${value === null ? DASH : html`<${Rated}
  rating=${rate(vital, value)} isShort=${true} />${vital.format(value)}`}</td>`;
