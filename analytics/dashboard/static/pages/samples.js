// Numeric samples: the list of metrics, one metric by time and by tag, and web vitals.
import { html, useEffect, useState } from "../vendor/preact.js";
import { useModule, useReport } from "../app/api.js";
import { DASH, count, exact, measured, percent } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { SITE, useAddress } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { Lines } from "../charts/lines.js";
import { Legend } from "../charts/plot.js";
import { Empty } from "../parts/rows.js";
import { Figure } from "../parts/ranking.js";
import { ReportFrame, ReportProblem } from "../parts/report_frame.js";
import { DEFAULTS, METRICS, PREFIX, TagChips, UnitSwitch, begun, bucketName, tickName, unitOf, useSamples,
  withTag } from "../parts/sample_reports.js";

await addWords(() => import("../app/words_samples.js"), () => import("../app/words_samples_de.js"));

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {import("../parts/sample_reports.js").SampleReport} SampleReport */
/** @typedef {import("../parts/sample_reports.js").SamplesState} SamplesState */
/** @typedef {{ state: SamplesState, go: Go<SamplesState> }} Shared */
/** @typedef {"count" | "sum" | "average" | "p50" | "p75" | "p90" | "p95" | "p99"} Statistic */

/** The name of the preset in the address. */
const VITALS = "web-vitals";
/** @type {Statistic[]} */
const STATISTICS = ["count", "sum", "average", "p50", "p75", "p90", "p95", "p99"];
/** What the chart shows, and the statistics of each.
 * @type {Record<string, Statistic[]>} */
const SHOWN = { percentiles: ["p50", "p75", "p95", "p99"], mean: ["average"], count: ["count"], sum: ["sum"] };
const LINES = ["first", "second", "third", "fourth"];

/** @param {{ pages: PageEntry[] }} props */
export default function SamplesPage({ pages }) {
  const [state, go] = useAddress(DEFAULTS);
  const [isDrawn, setDrawn] = useState(false);
  /** @type {Report<{ metrics: string[], count: number }>} */
  const list = useReport(`${METRICS}?site=${encodeURIComponent(SITE)}`);
  const names = list.data?.metrics ?? null;
  const hasVitals = names?.some((one) => one.startsWith(PREFIX)) ?? false;
  const name = state.name || (hasVitals ? VITALS : (names?.[0] ?? ""));
  const vitals = useModule(name === VITALS, () => import("../parts/vitals.js"));
  const isEmpty = names?.length === 0;
  return html`<${ReportFrame} pages=${pages} name="samples" title=${t("samples")} intro=${t("samplesIntro")}
    isReady=${isDrawn || isEmpty} state=${state} go=${go} tools=${["period"]}>
    <${ReportProblem} error=${list.error} retry=${list.retry} />
    ${isEmpty ? html`<div class="card"><${Empty} title=${t("noSamples")}>${t("noSamplesText")}<//></div>` : html`<div
      class="samples">
      <${Names} names=${names} hasVitals=${hasVitals} name=${name} go=${go} />
      <div class="sample-main">${name === VITALS ? vitals && html`<${vitals.Vitals} state=${state} go=${go} onReady=${setDrawn} />`
        : html`<${Metric} key=${name} state=${state} go=${go} name=${name} onReady=${setDrawn} />`}</div>
    </div>`}
  <//>`;
}

/** @param {{ names: string[] | null, hasVitals: boolean, name: string, go: Go<SamplesState> }} props */
function Names({ names, hasVitals, name, go }) {
  const [typed, setTyped] = useState("");
  const found = names?.filter((one) => one.toLowerCase().includes(typed.trim().toLowerCase()));
  /** @param {string} one @param {unknown} text */
  const item = (one, text) => html`<li key=${one}><button class="metric" aria-current=${one === name ? "true" : undefined}
    title=${one} onClick=${() => go({ name: one, tags: "", by: "" })}>${text}</button></li>`;
  return html`<section class="card panel metrics" aria-label=${t("metrics")}>
    <div class="tabs"><h2 class="tab on">${t("metrics")}</h2></div>
    <input class="search" type="search" placeholder=${t("search")} aria-label=${t("searchMetric")} value=${typed}
      onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} />
    ${!found && html`<div class="skeleton map-sk"></div>`}
    <ul>${hasVitals && !typed && item(VITALS, html`<${Icon} name="pulse" size="14" />${t("webVitals")}`)}
      ${found?.map((one) => item(one, one))}</ul>
    ${found?.length === 0 && html`<div class="path-note">${t("noMetric")}</div>`}
  </section>`;
}

/** @param {Shared & { name: string, onReady: (isReady: boolean) => void }} props */
function Metric({ state, go, name, onReady }) {
  const { data, isBusy, error, retry } = useSamples(state, name, state.by);
  const value = (/** @type {Statistic} */ one) => (one === "count" ? count(data?.count) : measured(data?.[one]));
  const isReady = data !== null && !isBusy;
  useEffect(() => onReady(isReady), [isReady]);
  return html`<${TagChips} state=${state} go=${go} />
    <${ReportProblem} error=${error} retry=${retry} go=${go} />
    <section class=${"card hero" + (isBusy && data ? " busy" : "")} aria-label=${name}>
      <div class="kpis four">${STATISTICS.map((one) => html`<${Figure} key=${one} name=${statisticName(one)}
        value=${data ? value(one) : DASH} title=${exact(data?.[one])} />`)}</div>
      ${!data ? html`<div class="skeleton columns-sk"></div>` : data.count ? html`<${Series} data=${data} state=${state} go=${go} />`
        : html`<${Empty} title=${t("noSamplesHere")}>${t("emptyText")}<//>`}
    </section>
    ${data && data.count > 0 && html`<${Groups} data=${data} isBusy=${isBusy} state=${state} go=${go} />`}
    ${data && html`<footer class="fresh"><span>${t("percentileError", { error: percent(data.percentile_error) })}</span>
      ${data.meta.unknown_tags > 0 && html`<span class="stale">${t("unknownTags", { n: exact(data.meta.unknown_tags) },
        data.meta.unknown_tags)}</span>`}</footer>`}`;
}

/** @param {Statistic} one */
const statisticName = (one) => (one[0] === "p" ? one : t(one === "average" ? "mean" : /** @type {Word} */ (one)));

/** @param {Shared & { data: SampleReport }} props */
function Series({ data, state, go }) {
  const { series, isOpen } = begun(data);
  const shown = SHOWN[state.show] ? state.show : "percentiles";
  const statistics = SHOWN[shown];
  /** @param {number} index */
  const read = (index) => ({ title: bucketName(series[index].start, state), rows: [
    ...statistics.map((one, at) => ({ kind: "line-" + LINES[at], name: statisticName(one), value: exact(series[index][one]) })),
    ...(shown === "count" ? [] : [{ kind: "", name: t("count"), value: exact(series[index].count) }]),
  ] });
  return html`<div class="plot"><div class="plot-head">
      ${statistics.map((one, at) => html`<${Legend} key=${one} kind=${"line-" + LINES[at]} name=${statisticName(one)} />`)}
      <span class="grow"></span><span class="tools"><span class="seg" role="group" aria-label=${t("shown")}>
        ${Object.keys(SHOWN).map((one) => html`<button key=${one} aria-pressed=${one === shown}
          onClick=${() => go({ show: one }, true)}>${t(/** @type {Word} */ (one))}</button>`)}</span>
        <${UnitSwitch} state=${state} go=${go} /></span></div>
    <${Lines} lines=${statistics.map((one, at) => ({ kind: LINES[at], values: series.map((bucket) => bucket[one]) }))}
      kind="views_per_visit" format=${measured} read=${read} isOpen=${isOpen}
      label=${t("seriesLabel", { name: data.metric_name, unit: t(/** @type {Word} */ (unitOf(state) + "Unit")) })}
      name=${(/** @type {number} */ index) => tickName(series[index].start, state, series.length)} /></div>`;
}

/** @type {Statistic[]} */
const COLUMNS = ["count", "sum", "average", "p50", "p75", "p95", "p99"];

/** @param {Shared & { data: SampleReport, isBusy: boolean }} props */
function Groups({ data, isBusy, state, go }) {
  const tags = data.tags ?? [];
  const groups = state.by ? data.groups : undefined;
  const most = Math.max(1, ...(groups ?? []).map((one) => one.count));
  const small = (/** @type {Statistic} */ one) => (["count", "p75"].includes(one) ? "" : "hide-small");
  return html`<section class=${"card panel sample-groups" + (isBusy ? " busy" : "")} aria-label=${t("byTag")}>
    <div class="plot-head tools-row"><h2 class="tab on">${t("byTag")}</h2>
      ${tags.length > 0 && html`<span class="seg" role="group" aria-label=${t("byTag")}>${tags.map((one) => html`<button
        key=${one} aria-pressed=${one === state.by} onClick=${() => go({ by: one === state.by ? "" : one })}>${one}</button>`)}</span>`}
      ${!tags.length && html`<span>${t("noTags")}</span>`}</div>
    ${groups && html`<table><colgroup><col />${COLUMNS.map((one) => html`<col key=${one} class=${"c-v " + small(one)} />`)}</colgroup>
      <thead><tr><th scope="col">${state.by}</th>${COLUMNS.map((one) => html`<th scope="col" key=${one} class=${small(one)}>
        ${statisticName(one)}</th>`)}</tr></thead>
      <tbody>${groups.map((group) => html`<tr key=${group.value}>
        <td class="row"><span class="fill" style=${{ "--w": (group.count / most) * 100 + "%" }}></span>
          ${group.value === null ? html`<span class="cell"><span class="lbl none">${t("tagNone")}</span></span>` : html`<button
            class="cell" title=${t("onlyTag", { value: group.value })}
            onClick=${() => go({ tags: withTag(state, state.by, group.value ?? "") })}><span class="lbl">
            ${group.value || t("noValue")}</span></button>`}</td>
        ${COLUMNS.map((one) => html`<td key=${one} class=${"v " + small(one)} title=${exact(group[one])}>
          ${one === "count" ? count(group.count) : measured(group[one])}</td>`)}</tr>`)}</tbody></table>`}
  </section>`;
}
