// The form that orders a file, once or regularly.
import { html, useState } from "../vendor/preact.js";
import { send, useModule } from "../app/api.js";
import { Icon } from "../app/icons.js";
import { PRESETS, SITE, ZONE, may, shift, today } from "../app/state.js";
import { fieldName, t } from "../app/words.js";
import { Problem, described } from "./frame.js";
import { COLUMNS, COMPRESSED, DIMENSIONS, EVERY, FIRST_ORDER, FORMATS, REPORTS, bodyOfOrder, partsOf,
  stateOfOrder } from "./order.js";
import { Where } from "./where.js";

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {import("./order.js").Order} Order */
/** @typedef {{ order: Order, set: (change: Partial<Order>) => void }} Part */

/** The filter has forms of its own, so only some fields stand in this one. */
const FORM = "order-form";

/** `changed`: another order begins. @param {{ ordered: (isSchedule: boolean) => void, changed: () => void }} props */
export function OrderForm({ ordered, changed }) {
  const [order, setOrder] = useState(FIRST_ORDER);
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const [isPreview, setPreview] = useState(false);
  const groups = useModule(order.what === "users", () => import("./group_fields.js"));
  const preview = useModule(isPreview, () => import("./preview.js"));
  /** @param {Partial<Order>} change */
  const set = (change) => {
    setOrder((old) => ({ ...old, ...change }));
    changed();
  };
  /** @param {any} event */
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const body = bodyOfOrder(order);
      if (order.every) await send("POST", "exports/schedules?site=" + encodeURIComponent(SITE), { every: order.every,
        at: order.at, request: body });
      else await send("POST", "exports", body);
      ordered(Boolean(order.every));
    } catch (failure) {
      setError(described(failure));
    }
    setBusy(false);
  };
  const isPreviewed = (order.what === "events" && may("read")) || order.what === "users";
  const canPreview = isPreviewed && (order.what === "users" || !order.where);
  return html`<section class="card pad order" aria-label=${t("orderTitle")}><h2 class="card-title">${t("orderTitle")}
    </h2>
    <form id=${FORM} onSubmit=${submit}>
      <div class="fields"><${WhatFields} order=${order} set=${set} /><${FormatFields} order=${order} set=${set} /></div>
      ${order.what === "users" && groups && html`<${groups.GroupFields} order=${order} set=${set} Choice=${Choice} />`}
      <div class="fields"><${WhenFields} order=${order} set=${set} /></div>
      <${FilterFields} order=${order} set=${set} />
    </form>
    ${partsOf(order).hasWhere && html`<${Where} state=${stateOfOrder(order)}
      change=${(/** @type {string} */ where) => set({ where })} />`}
    ${COLUMNS[order.what] && html`<${ColumnFields} order=${order} set=${set} />`}
    <details class="more-fields"><summary>${t("callbackTitle")}</summary><p class="muted">${t("callbackText")}</p>
      <label class="field">${t("callbackUrl")}<input form=${FORM} type="url" value=${order.callback}
        placeholder="https://example.com/exported"
        onInput=${(/** @type {any} */ event) => set({ callback: event.target.value.trim() })} /></label></details>
    <${Problem} error=${error} />
    <div class="order-foot">
      ${canPreview && html`<button class="btn" aria-pressed=${isPreview} onClick=${() => setPreview(!isPreview)}>
        <${Icon} name="table" />${t(isPreview ? "previewHide" : "preview")}</button>`}
      ${order.where && !canPreview && html`<span class="muted">${t("previewFiltered")}</span>`}
      <span class="push"></span><button form=${FORM} class="btn primary"
        disabled=${isBusy}>${t(order.every ? "orderSchedule" : "orderFile")}</button></div>
    ${isPreview && canPreview && (preview ? html`<${preview.Preview} order=${order} />` : html`<div
      class="skeleton preview-sk"></div>`)}
  </section>`;
}

/** @param {{ label: string, value: string, options: [string, string][], choose: (value: string) => void,
 *   isOff?: boolean }} props */
const Choice = ({ label, value, options, choose, isOff }) => html`<label class="field">${label}<select value=${value}
  disabled=${isOff} onChange=${(/** @type {any} */ event) => choose(event.target.value)}>
  ${options.map(([name, text]) => html`<option key=${name} value=${name}>${text}</option>`)}</select></label>`;

/** @param {string} prefix @param {string[]} names @returns {[string, string][]} */
const named = (prefix, names) => names.map((name) => [name, t(/** @type {Word} */ (prefix + name))]);

/** @param {Part} props */
function WhatFields({ order, set }) {
  const { units } = partsOf(order);
  /** @param {string} report */
  const chooseReport = (report) => set({ report, unit: REPORTS[report].units.includes(order.unit) ? order.unit
    : (REPORTS[report].units[0] ?? "day") });
  return html`<${Choice} label=${t("whatField")} value=${order.what}
    options=${named("what_", ["events", "report", "samples", "users"])}
      choose=${(/** @type {any} */ what) => set({ what, columns: [], bots: what === "events", types: "", names: "",
        where: "", group: "all", users: {}, ...(what === "users" && order.period === "all" && { period: "28d" }) })} />
    ${order.what === "report" && html`<${Choice} label=${t("reportField")} value=${order.report}
      options=${named("report_", Object.keys(REPORTS))} choose=${chooseReport} />`}
    ${order.what === "report" && order.report === "breakdown" && html`<${Choice} label=${t("dimensionField")}
      value=${order.dimension} options=${DIMENSIONS.map((name) => [name,
      fieldName(name)])} choose=${(/** @type {string} */ dimension) => set({ dimension })} />`}
    ${units.length > 0 && html`<${Choice} label=${t("unitField")} value=${order.unit} options=${named("unit_", units)}
      choose=${(/** @type {string} */ unit) => set({ unit })} />`}`;
}

/** @param {Part} props */
function FormatFields({ order, set }) {
  const isCompressed = COMPRESSED.includes(order.format);
  return html`<${Choice} label=${t("formatField")} value=${order.format} options=${named("format_", FORMATS)}
    choose=${(/** @type {string} */ format) => set({ format })} />
    <${Choice} label=${t("compressionField")} value=${isCompressed ? order.compression : "none"} isOff=${!isCompressed}
      options=${[["none", t("compression_none")], ["gzip", "gzip"], ["zstd",
      "zstd"]]} choose=${(/** @type {string} */ compression) => set({ compression })} />`;
}

/** @param {Part} props */
function WhenFields({ order, set }) {
  const target = (/** @type {any} */ event) => event.target.value;
  const chooseEvery = (/** @type {string} */ every) => set(every && order.group === "cohort" ? { every, group: "all",
    users: {} } : { every });
  const periods = order.what === "users" ? [] : [["all", t("periodAll")]];
  const choosePeriod = (/** @type {string} */ period) => set(period === "custom" ? { period, from: order.from
    || shift(today(), -27), to: order.to || today() } : { period });
  return html`
    ${may("write") && html`<${Choice} label=${t("everyField")} value=${order.every}
      options=${[["", t("everyOnce")], ...named("every_", EVERY)]} choose=${chooseEvery} />`}
    ${order.every ? html`<label class="field">${t("atField", { zone: ZONE })}<input type="time" required
      value=${order.at} onInput=${(/** @type {any} */ event) => set({ at: target(event) })} /></label>
      <p class="muted wide">${t(order.what === "users" ? "everyUsersText" : "everyText")}</p>`
    : partsOf(order).hasPeriod && html`<${Choice} label=${t("period")} value=${order.period}
      options=${[...periods, ...PRESETS.map((one) => [one.name, t(one.name)]), ["custom",
      t("periodCustom")]]} choose=${choosePeriod} />
      ${order.period === "custom" && html`<label class="field">${t("from")}<input type="date" required
        max=${order.to || today()} value=${order.from}
        onInput=${(/** @type {any} */ event) => set({ from: target(event) })} /></label>
        <label class="field">${t("to")}<input type="date" required min=${order.from} value=${order.to}
          onInput=${(/** @type {any} */ event) => set({ to: target(event) })} /></label>`}`}`;
}

/** @param {Part} props */
function FilterFields({ order, set }) {
  const { hasTypes, hasBots } = partsOf(order);
  const target = (/** @type {any} */ event) => event.target.value;
  if (!hasTypes && !hasBots && order.what !== "samples") return null;
  return html`<div class="fields">
      ${hasTypes && html`<label class="field">${t("typesField")}<input value=${order.types}
        placeholder="page_view, signup" onInput=${(/** @type {any} */ event) => set({ types: target(event) })} />
        </label>`}
      ${order.what === "samples" && html`<label class="field">${t("namesField")}<input value=${order.names}
        placeholder="web_vital.lcp, load" onInput=${(/** @type {any} */ event) => set({ names: target(event) })} />
        </label>`}
      ${hasBots && html`<label class="check"><input type="checkbox" checked=${order.bots}
        onChange=${(/** @type {any} */ event) => set({ bots: event.target.checked })} />${t("botsField")}</label>`}
    </div>`;
}

/** @param {Part} props */
function ColumnFields({ order, set }) {
  const all = COLUMNS[order.what];
  const chosen = order.columns.length ? order.columns : all;
  /** @param {string} name */
  const toggle = (name) => {
    const next = chosen.includes(name) ? chosen.filter((one) => one !== name) : all.filter((one) => one === name
      || chosen.includes(one));
    if (next.length) set({ columns: next.length === all.length ? [] : next });
  };
  return html`<details class="more-fields">
    <summary>${t("columnsTitle", { n: order.columns.length || all.length, all: all.length })}</summary>
    <div class="checks" role="group" aria-label=${t("columnsName")}>${all.map((name) => html`<label class="check"
      key=${name}><input type="checkbox" checked=${chosen.includes(name)} onChange=${() => toggle(name)} />${name}
      </label>`)}</div>
    ${order.columns.length > 0 && html`<button class="text-btn" onClick=${() => set({ columns: [] })}>${t("columnsAll")}
      </button>`}</details>`;
}
