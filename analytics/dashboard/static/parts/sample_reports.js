// What the views of samples share: the report of a metric, its period in buckets, and the tags that samples are chosen by.
import { html } from "../vendor/preact.js";
import { useReport } from "../app/api.js";
import { axis, bucket } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { SITE, periodOf } from "../app/state.js";
import { t } from "../app/words.js";
import { addTerm, condition, parseFilter, replaceTerm } from "./filters.js";

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ count: number, sum: number, average: number | null, p50: number | null, p75: number | null,
 *   p90: number | null, p95: number | null, p99: number | null }} Statistics */
/** @typedef {Statistics & { metric_name: string, series: (Statistics & { start: string, end: string })[],
 *   groups?: (Statistics & { value: string | null })[], tags?: string[], percentile_error: number,
 *   meta: Meta & { unknown_tags: number } }} SampleReport */
/** `tags`: conditions on tags, each `name==value`, as filters write them.
 * @typedef {State & typeof DEFAULTS} SamplesState */

export const DEFAULTS = { name: "", tags: "", by: "", show: "percentiles" };
/** Of the names of web vitals. */
export const PREFIX = "web_vital.";
const GROUPS = 50;
/** The routes of samples lie beside /api/analytics/, not behind it; a browser resolves the dots. */
export const METRICS = "../../metrics";

/** Hour or day. @param {State} state */
export function unitOf(state) {
  const [, days] = periodOf(state);
  const isHour = days <= 2 || (state.unit === "hour" && days <= 31);
  return isHour ? "hour" : "day";
}

/** The report of a metric with the state's tags, by time and by the values of a tag; an empty name asks nothing.
 * @param {SamplesState} state @param {string} name @param {string} by @returns {Report<SampleReport>} */
export function useSamples(state, name, by) {
  const query = new URLSearchParams({ site: SITE, ...periodOf(state)[0], granularity: unitOf(state), list_tags: "true",
    limit: String(GROUPS) });
  for (const { field, values } of parseFilter(state.tags)) if (field && values) query.set(`tag.${field}`, values[0]);
  if (by) query.set("group_by", by);
  return useReport(name && `${METRICS}/${encodeURIComponent(name)}?${query}`);
}

/** The buckets that have begun, and whether the last is not over. @param {SampleReport} report */
export function begun({ series, meta }) {
  const now = Date.parse(meta.computed_at);
  const found = series.filter((one) => Date.parse(one.start) < now);
  return { series: found, isOpen: found.length > 0 && Date.parse(found[found.length - 1].end) > now };
}

/** The names of a bucket: on the axis, and in full. @param {string} start @param {State} state @param {number} buckets */
export const tickName = (start, state, buckets) => axis(start, unitOf(state) === "hour" && buckets > 48 ? "day" : unitOf(state));
/** @param {string} start @param {State} state */
export const bucketName = (start, state) => bucket(start, unitOf(state));

/** Only samples with this value of the tag. @param {SamplesState} state @param {string} name @param {string} value */
export function withTag(state, name, value) {
  const others = parseFilter(state.tags).filter((one) => one.field !== name).map((one) => one.text).join(";");
  return addTerm(others, condition(name, "==", [value]));
}

/** @param {{ state: SamplesState, go: Go<SamplesState> }} props */
export function TagChips({ state, go }) {
  const terms = parseFilter(state.tags);
  if (!terms.length) return null;
  return html`<div class="chips" role="group" aria-label=${t("filters")}>${terms.map(({ text, field, values }, index) => html`<span
    class="chip" key=${text}><button disabled><span class="lbl">${field} <b>${values?.[0]}</b></span></button>
    <button aria-label=${t("removeFilter", { name: `${field} ${values?.[0]}` })}
      onClick=${() => go({ tags: replaceTerm(state.tags, index) })}><${Icon} name="x" size="13" /></button></span>`)}
    <button class="text-btn" onClick=${() => go({ tags: "" })}>${t("clearFilters")}</button></div>`;
}

/** @param {{ state: SamplesState, go: Go<SamplesState> }} props */
export function UnitSwitch({ state, go }) {
  const days = periodOf(state)[1];
  if (days <= 2 || days > 31) return null;
  return html`<span class="seg" role="group" aria-label=${t("interval")}>${["hour", "day"].map((one) => html`<button
    key=${one} aria-pressed=${unitOf(state) === one} onClick=${() => go({ unit: one === "hour" ? one : "" })}>
      ${t(/** @type {Word} */ (one + "Unit"))}</button>`)}</span>`;
}
