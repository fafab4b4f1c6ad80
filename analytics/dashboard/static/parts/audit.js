// The balance sheet: every accepted event of some days is stored, a duplicate, dead-lettered, refused or on its way, and
// every stored one is counted. A gap is shown with its place.
import { html, useState } from "../vendor/preact.js";
import { get } from "../app/api.js";
import { DASH, exact, when } from "../app/format.js";
import { SITE, shift, today } from "../app/state.js";
import { t } from "../app/words.js";
import { described, Problem } from "./frame.js";

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ site: string, where: string, what: string, expected: number, found: number }} Gap */
/** @typedef {{ balanced: boolean, checked_at: string, gaps: Gap[],
 *   hours: (Record<string, number | null> & { hour: any })[],
 *   days: { day: string, raw: number | null, rolled_up: number, waiting: number, frozen: boolean }[],
 *   recounted: unknown[], notes: string[] }} Sheet */

/** Columns of an hour, in the order of the equation. */
const PARTS = ["accepted", "stored", "duplicate", "dead", "refused", "in_flight"];

/** `last`: the first gap that the last audit of the service found. @param {{ last: { gap: string | null } | null }} props */
export function AuditPanel({ last }) {
  const [sheet, setSheet] = useState(/** @type {Sheet | null} */ (null));
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  /** @param {any} event */
  const check = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const query = new URLSearchParams({ site: SITE, from: String(form.get("from")), to: String(form.get("to")) });
    if (form.get("full")) query.set("full", "true");
    setBusy(true);
    setError(null);
    get("audit?" + query).then(setSheet, (reason) => setError(described(reason))).finally(() => setBusy(false));
  };
  return html`<section class="card pad" aria-label=${t("auditTitle")}>
    <h2 class="card-title">${t("auditTitle")}</h2><p class="muted">${t("auditIntro")}</p>
    ${last?.gap ? html`<p class="job-error" role="status">${t("lastAuditGap", { gap: last.gap })}</p>` : ""}
    <form class="line-form" onSubmit=${check}>
      <label class="field day">${t("fromDay")}<input type="date" name="from" required value=${shift(today(), -1)}
        max=${today()} /></label>
      <label class="field day">${t("toDay")}<input type="date" name="to" required value=${today()} max=${today()} />
        </label>
      <label class="check"><input type="checkbox" name="full" />${t("fullAudit")}</label>
      <button class="btn" disabled=${isBusy}>${t(isBusy ? "checking" : "checkNow")}</button></form>
    <${Problem} error=${error} />
    <div aria-live="polite" class=${isBusy ? "busy" : ""}>${sheet && html`<${SheetView} sheet=${sheet} />`}</div>
  </section>`;
}

/** @param {{ sheet: Sheet }} props */
function SheetView({ sheet }) {
  const hours = sheet.hours.filter((one) => PARTS.some((part) => one[part]));
  return html`<div class="trace">
    <span class=${"state " + (sheet.balanced ? "done" : "failed")}>${t(sheet.balanced ? "balanced" : "notBalanced")}
      </span> <span class="muted">${t("checkedAt", { time: when(sheet.checked_at) })}</span>
    ${sheet.gaps.length > 0 && html`<${Rows} name=${t("gaps")} head=${["place", "whatCounted", "expected", "foundCount"]}
      rows=${sheet.gaps.map((gap) => [gap.where, gap.what, exact(gap.expected), exact(gap.found)])} />`}
    ${hours.length > 0 && html`<${Rows} name=${t("byHour")} head=${["hourOf", ...PARTS.map((part) => "n_" + part)]}
      rows=${hours.map((one) => [when(one.hour), ...PARTS.map((part) => exact(one[part]))])} />`}
    ${sheet.days.length > 0 && html`<${Rows} name=${t("byDay")} head=${["calendarDay", "rawEvents", "rolledUp", "waiting"]}
      rows=${sheet.days.map((one) => [one.day, one.raw === null ? DASH : exact(one.raw), exact(one.rolled_up),
        exact(one.waiting)])} />`}
    ${sheet.notes.length > 0 && html`<ul class="degraded">${sheet.notes.map((note) => html`<li key=${note}>${note}</li>`)}
      </ul>`}
  </div>`;
}

/** @param {{ name: string, head: string[], rows: string[][] }} props */
const Rows = ({ name, head, rows }) => html`<div class="scroll" tabindex="0" role="group" aria-label=${name}><table class="plain num"><caption>${name}
  </caption><thead><tr>${head.map((one) => html`<th key=${one} scope="col">${t(/** @type {Word} */ (one))}</th>`)}</tr>
  </thead><tbody>${rows.map((row, index) => html`<tr key=${index}>${row.map((text, column) => html`<td key=${column}>
    ${text}</td>`)}</tr>`)}</tbody></table></div>`;
