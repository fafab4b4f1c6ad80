// The head of a printed overview: what it is about, without the page around it. print.css shows it.
import { html } from "../vendor/preact.js";
import { dated, datedRange, describe } from "../app/format.js";
import { t } from "../app/words.js";
import { parseFilter } from "./filters.js";

/** @param {{ data: Overview, state: State }} props */
export function PaperHead({ data, state }) {
  const { meta, previous } = data;
  const filters = parseFilter(state.filter).map(describe);
  return html`<div class="paper" aria-hidden="true">
    <div class="paper-line"><b class="paper-title">${document.documentElement.dataset.name}</b><span>${t("paperTitle")}</span></div>
    <div class="paper-line"><b>${datedRange(meta.from, meta.to)}</b>
      ${previous && html`<span>${t("comparedWith", { period: datedRange(previous.from, previous.to) })}</span>`}
      <span class="paper-end">${t("asOf", { time: dated(meta.computed_at), zone: meta.zone })}</span></div>
    ${filters.length > 0 && html`<div class="paper-filters">${t("filters")}: ${filters.map(({ name, values }, index) => html`<span
      key=${name + values}>${index > 0 && " · "}${name} <b>${values}</b></span>`)}</div>`}
  </div>`;
}
