// The files that were ordered: their progress, their downloads, and what became of them.
import { html } from "../vendor/preact.js";
import { address } from "../app/api.js";
import { duration, exact, percent, when } from "../app/format.js";
import { size } from "../app/size.js";
import { Icon } from "../app/icons.js";
import { t } from "../app/words.js";
import { CopyButton } from "./code.js";
import { wordsOfRequest } from "./order.js";
import { Empty } from "./rows.js";

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ state: "waiting" | "retrying" | "delivered" | "failed" | "cancelled", attempts: number,
 *   last_status: number | null,
 *   last_error: string | null, next_attempt_at: string | null, delivered_at: string | null }} Callback */
/** @typedef {{ id: string, owner: string, state: "queued" | "running" | "done" | "failed" | "cancelled" | "expired",
 *   created_at: string,
 *   finished_at: string | null, expires_at: string | null, attempt: number, rows: number | null, bytes: number | null,
 *   error: string | null,
 *   sha256: string | null, callback_url: string | null, callback: Callback | null, schedule_id: string | null,
 *   file_name: string,
 *   request: import("./order.js").Requested,
 *   progress: { rows_done: number, rows_estimate: number | null, percent: number, rate_rows_s: number | null,
 *   eta_s: number | null } }} Job */

/** @param {Job} job */
export const isUnfinished = (job) => job.state === "queued" || job.state === "running";

/** @param {{ jobs: Job[] | null, busy: Set<string>, cancel: (job: Job) => void, remove: (job: Job) => void,
 *   again: (job: Job) => void, more?: () => void }} props */
export function JobList({ jobs, busy, cancel, remove, again, more }) {
  return html`<section class="card panel" aria-label=${t("filesTitle")}>
    <div class="tabs"><h2 class="tab on">${t("filesTitle")}</h2></div>
    ${!jobs ? html`<div class="skeleton map-sk"></div>` : !jobs.length ? html`<${Empty}
      title=${t("filesEmpty")}>${t("filesEmptyText")}<//>` : html`<ul class="jobs">
      ${jobs.map((job) => html`<li key=${job.id}><${JobRow} job=${job} isBusy=${busy.has(job.id)} cancel=${cancel}
        remove=${remove} again=${again} /></li>`)}</ul>`}
    ${more && html`<div class="panel-foot"><button class="more" onClick=${more}>${t("showMore")}</button></div>`}
  </section>`;
}

/** @param {{ job: Job, isBusy: boolean, cancel: (job: Job) => void, remove: (job: Job) => void,
 *   again: (job: Job) => void }} props */
function JobRow({ job, isBusy, cancel, remove, again }) {
  return html`<div class="job">
    <div class="job-main">
      <div class="job-name"><b>${job.file_name}</b><span
        class=${"state " + job.state}>${t(/** @type {Word} */ ("state_" + job.state))}</span></div>
      <div class="job-facts"><span>${wordsOfRequest(job.request).join(" · ")}</span>
        <span>${t(job.schedule_id ? "orderedBySchedule" : "orderedAt", { time: when(job.created_at) })}</span></div>
      <${JobState} job=${job} />
      <${CallbackLine} job=${job} />
    </div>
    <div class="job-tools">
      ${job.state === "done" && html`<a class="btn" href=${address(`exports/${job.id}/download`)}
        download=${job.file_name}><${Icon} name="download" />${t("download")}</a>`}
      ${isUnfinished(job) && html`<button class="btn" disabled=${isBusy} onClick=${() => cancel(job)}>${t("cancelJob")}
        </button>`}
      ${["failed", "cancelled", "expired"].includes(job.state) && html`<button class="btn" disabled=${isBusy}
        onClick=${() => again(job)}><${Icon} name="repeat" />${t("orderAgain")}</button>`}
      ${!isUnfinished(job) && html`<button class="iconbtn" disabled=${isBusy}
        aria-label=${t("deleteFile", { name: job.file_name })} title=${t("deleteWord")} onClick=${() => remove(job)}>
        <${Icon} name="trash" /></button>`}
    </div>
  </div>`;
}

/** @param {{ job: Job }} props */
function JobState({ job }) {
  const { progress } = job;
  if (isUnfinished(job)) {
    const rows = progress.rows_estimate === null ? exact(progress.rows_done) : t("rowsOf",
      { n: exact(progress.rows_done), all: exact(progress.rows_estimate) });
    return html`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100"
      aria-valuenow=${progress.percent} aria-label=${job.file_name}><span style=${{ "--w": progress.percent + "%" }}>
      </span></div>
      <div class="job-facts num">
        <span>${percent(progress.percent / 100)}</span>
        ${job.state === "running" && html`<span>${t("rowsCount", { n: rows }, progress.rows_done)}</span>`}
        ${progress.eta_s !== null && html`<span>${t("etaLeft", { time: duration(progress.eta_s) })}
          </span>`}${job.attempt > 1 && html`<span>${t("attemptCount", { n: job.attempt })}</span>`}</div>
      ${job.error && html`<div class="job-error">${job.error}</div>`}`;
  }
  if (job.state === "failed") return html`<div class="job-error">${job.error ?? t("failedText")}</div>`;
  if (job.state !== "done") return html`<div
    class="job-facts">${t(job.state === "expired" ? "expiredText" : "cancelledText")}</div>`;
  return html`<div class="job-facts num"><span>${t("rowsCount", { n: exact(job.rows) }, job.rows ?? 0)}</span><span
    title=${exact(job.bytes)}>${size(job.bytes)}</span>
    ${job.expires_at && html`<span>${t("keptUntil", { time: when(job.expires_at) })}</span>`}
    ${job.sha256 && html`<span class="sum"><abbr title=${job.sha256}>SHA-256 ${job.sha256.slice(0, 10)}…</abbr>
      <${CopyButton} kind="iconbtn tiny" text=${job.sha256} label=${"SHA-256 " + job.file_name} /></span>`}</div>`;
}

/** What became of the call that tells of the end. @param {{ job: Job }} props */
function CallbackLine({ job }) {
  const { callback } = job;
  if (!callback) return null;
  const why = callback.last_status !== null ? t("callbackStatus", { status: callback.last_status })
    : callback.last_error ? t("callbackError", { error: reason(callback.last_error) }) : "";
  const at = callback.state === "delivered" ? callback.delivered_at : callback.next_attempt_at;
  const isBad = callback.state === "failed" || callback.state === "retrying";
  return html`<div class=${"job-facts" + (isBad ? " job-error" : "")}>
    <span>${t("callbackTo", { url: job.callback_url ?? "" })}</span>
    <span>${t(/** @type {Word} */ ("callback_" + callback.state), { time: at ? when(at) : "", n: callback.attempts })}
      </span>${isBad && why && html`<span>${why}</span>`}</div>`;
}

/** Names of errors that the service has no words for. @type {Record<string, Word>} */
const REASONS = { gaierror: "errorHost", TimeoutError: "errorTimeout", SSLError: "errorTls",
  SSLCertVerificationError: "errorTls" };
/** @param {string} error */
const reason = (error) => (REASONS[error] ? t(REASONS[error]) : error);
