// The result of an experiment: variants with the interval of their difference, and how far it can be trusted.
import { html } from "../vendor/preact.js";
import { exact, percent } from "../app/format.js";
import { addressOf } from "../app/params.js";
import { SITE, may } from "../app/state.js";
import { locale, t } from "../app/words.js";

/** @typedef {{ absolute: number, low: number, high: number, p_value: number | null }} Difference */
/** @typedef {{ variant: string, users: number, converted_users: number, conversions: number, rate: number, difference: Difference | null }} Variant */
/** @typedef {{ control: string | null, variants: Variant[], mixed_users: number,
 *   sample_ratio: { expected: Record<string, number>, p_value: number | null, is_mismatch: boolean } | null, meta: Meta }} ExperimentData */
/** @typedef {{ low: number, high: number }} Scale */

const USERS_PAGE = `/sites/${encodeURIComponent(SITE)}/users`;
const points = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" });
const small = new Intl.NumberFormat(locale, { maximumSignificantDigits: 2 });
/** Percentage points. @param {number} n */
const inPoints = (n) => points.format(n * 100);
/** @param {number | null | undefined} p */
const pText = (p) => (p == null ? "–" : p < 0.0001 ? "<" + small.format(0.0001) : small.format(p));

/** `setControl`: empty for the one that the service chooses.
 * @param {{ data: ExperimentData, isBusy: boolean, params: Record<string, string>, goalName: string, state: State,
 *   setControl: (control: string) => void }} props */
export function Result({ data, isBusy, params, goalName, state, setControl }) {
  const scale = scaleOf(data.variants);
  return html`<div class="experiment-notes"><${Trust} data=${data} /></div>
    ${data.variants.length > 0 && html`<section class=${"card panel" + (isBusy ? " busy" : "")} aria-label=${goalName}>
      <div class="tabs"><h2 class="tab on">${goalName}</h2><span class="grow"></span><label class="control-pick">${t("control")}
        <select value=${params.control} onChange=${(/** @type {any} */ event) => setControl(event.target.value)}>
          <option value="">${t("controlAuto")}</option>
          ${data.variants.map((one) => html`<option key=${one.variant} value=${one.variant}>${one.variant}</option>`)}</select></label></div>
      <div role="table" aria-label=${t("experiments")}>
        <div class="variant heads" role="row">${HEADS.map(([word, kind]) => html`<span key=${word} role="columnheader" class=${kind}>${t(word)}</span>`)}</div>
        ${data.variants.map((one) => html`<${VariantRow} key=${one.variant} one=${one} isControl=${one.variant === data.control} scale=${scale}
          params=${params} state=${state} />`)}
      </div>
    </section>`}
    <div class="main-gap"></div>
    <section class="card reading" aria-labelledby="reading"><h2 class="card-title" id="reading">${t("readTitle")}</h2><ul>
      ${READING.map((word) => html`<li key=${word}>${t(word)}</li>`)}</ul></section>`;
}

/** @type {[Word, string][]} */
const HEADS = [["variant", ""], ["users", "n"], ["converted", "n"], ["rateLabel", "n"], ["difference", ""], ["pValue", "n"]];
/** @type {Word[]} */
const READING = ["readDifference", "readP", "readNarrow", "readUsers", "readPeek", "readSeveral", "readLatest"];

/** Whether users were divided as planned, and how many are in no variant. @param {{ data: ExperimentData }} props */
function Trust({ data }) {
  const ratio = data.sample_ratio;
  const p = pText(ratio?.p_value);
  return html`${ratio?.is_mismatch && html`<div class="card alert" role="alert"><div><b>${t("mismatch", { p })}</b><div>${t("mismatchHelp")}</div></div></div>`}
    ${ratio && !ratio.is_mismatch && ratio.p_value !== null && html`<p class="note-line-text">${t("ratioFine", { p })}</p>`}
    ${data.mixed_users > 0 && html`<p class="note-line-text">${t("mixed", { n: exact(data.mixed_users) }, data.mixed_users)} ${t("mixedMany")}</p>`}`;
}

/** @param {{ one: Variant, isControl: boolean, scale: Scale, params: Record<string, string>, state: State }} props */
function VariantRow({ one, isControl, scale, params, state }) {
  const group = { goal: params.goal, exposure_type: params.exposure_type, variant_property: params.variant, variant: one.variant };
  /** @param {number} n @param {Record<string, string>} [more] */
  const linked = (n, more) => may("export") ? html`<a href=${addressOf(state, { ...group, ...more }, USERS_PAGE)}
    title=${t("usersOfVariant", { name: one.variant })}>${exact(n)}</a>` : exact(n);
  return html`<div class="variant" role="row">
    <span role="cell" class="who"><b>${one.variant}</b>${isControl && html`<span class="state tagged">${t("isControl")}</span>`}</span>
    <span role="cell" class="n" data-name=${t("users")}>${linked(one.users)}</span>
    <span role="cell" class="n" data-name=${t("converted")}>${linked(one.converted_users, { converted: "true" })}</span>
    <span role="cell" class="n" data-name=${t("rateLabel")}>${percent(one.rate)}</span>
    <span role="cell" class="diff">${one.difference ? html`<${Interval} name=${one.variant} of=${one.difference} scale=${scale} />` : ""}</span>
    <span role="cell" class="n" data-name=${one.difference ? t("pValue") : undefined}>${one.difference ? pText(one.difference.p_value) : ""}</span>
  </div>`;
}

/** @param {{ name: string, of: Difference, scale: Scale }} props */
function Interval({ name, of, scale }) {
  const place = (/** @type {number} */ n) => ((n - scale.low) / (scale.high - scale.low)) * 100;
  const places = { "--z": place(0) + "%", "--l": place(of.low) + "%", "--w": place(of.high) - place(of.low) + "%", "--p": place(of.absolute) + "%" };
  const text = { name, value: inPoints(of.absolute), low: inPoints(of.low), high: inPoints(of.high) };
  return html`<div class="interval" style=${places} role="img" aria-label=${t("intervalLabel", text)}>
      <span class="axis"></span><span class="zero"></span><span class="bar"></span><span class="point"></span></div>
    <div class="interval-text"><b>${t("points", { n: text.value })}</b> · ${t("intervalText", text)}</div>`;
}

/** From the lowest to the highest end, with 0 and some room. @param {Variant[]} variants @returns {Scale} */
function scaleOf(variants) {
  const ends = variants.flatMap(({ difference }) => (difference ? [difference.low, difference.high] : []));
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const room = (high - low) * 0.06 || 0.01;
  return { low: low - room, high: high + room };
}
