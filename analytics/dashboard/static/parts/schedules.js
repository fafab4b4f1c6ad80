// The files that are made regularly.
import { html } from "../vendor/preact.js";
import { when } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { may } from "../app/state.js";
import { t } from "../app/words.js";
import { wordsOfRequest } from "./order.js";
import { Empty } from "./rows.js";

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ id: string, site: string, owner: string, every: string, at: string, zone: string, enabled: boolean,
 *   next_run_at: string,
 *   complete_through: string | null, waits_for: string | null, request: import("./order.js").Requested }} Schedule */

/** @param {{ schedules: Schedule[] | null, busy: Set<string>, pause: (one: Schedule) => void,
 *   run: (one: Schedule) => void, remove: (one: Schedule) => void }} props */
export function ScheduleList({ schedules, busy, pause, run, remove }) {
  return html`<section class="card panel" aria-label=${t("schedulesTitle")}>
    <div class="tabs"><h2 class="tab on">${t("schedulesTitle")}</h2></div>
    ${!schedules ? html`<div class="skeleton preview-sk"></div>` : !schedules.length ? html`<${Empty}
      title=${t("schedulesEmpty")}>${t("schedulesEmptyText")}<//>` : html`<ul class="jobs">
      ${schedules.map((one) => html`<li key=${one.id}><${ScheduleRow} one=${one} isBusy=${busy.has(one.id)}
        pause=${pause} run=${run} remove=${remove} /></li>`)}</ul>`}
  </section>`;
}

/** @param {{ one: Schedule, isBusy: boolean, pause: (one: Schedule) => void, run: (one: Schedule) => void,
 *   remove: (one: Schedule) => void }} props */
function ScheduleRow({ one, isBusy, pause, run, remove }) {
  const name = t("scheduleName", { every: t(/** @type {Word} */ ("every_" + one.every)), at: one.at, zone: one.zone });
  return html`<div class="job">
    <div class="job-main">
      <div class="job-name"><b>${name}</b><span
        class=${"state " + (one.enabled ? "running" : "cancelled")}>${t(one.enabled ? "scheduleOn" : "schedulePaused")}
        </span></div>
      <div class="job-facts"><span>${wordsOfRequest(one.request).join(" · ")}</span></div>
      <div class="job-facts">${one.enabled && html`<span>${t("nextRun", { time: when(one.next_run_at) })}</span>`}
        <span>${one.complete_through ? t("filesThrough", { time: when(one.complete_through) }) : t("filesNone")}</span>
        ${one.request.callback_url && html`<span>${t("callbackTo", { url: one.request.callback_url })}</span>`}</div>
      ${one.waits_for && html`<div class="job-error">${t("waitsFor", { reason: one.waits_for })}</div>`}
    </div>
    ${may("write") && html`<div class="job-tools">
      <button class="btn" disabled=${isBusy} onClick=${() => run(one)}>${t("runNow")}</button>
      <button class="iconbtn" disabled=${isBusy} aria-label=${`${t(one.enabled ? "pause" : "resume")}: ${name}`}
        title=${t(one.enabled ? "pause" : "resume")} onClick=${() => pause(one)}><${Icon}
        name=${one.enabled ? "pause" : "play"} /></button>
      <button class="iconbtn" disabled=${isBusy} aria-label=${t("deleteFile", { name })} title=${t("deleteWord")}
        onClick=${() => remove(one)}><${Icon} name="trash" /></button></div>`}
  </div>`;
}
