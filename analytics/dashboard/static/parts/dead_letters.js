// Dead letters: what could not be stored, by reason and one by one. Each is shown, retried, or discarded for ever.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, send } from "../app/api.js";
import { exact } from "../app/format.js";
import { SITE } from "../app/state.js";
import { t } from "../app/words.js";
import { Confirm } from "./confirm.js";
import { Dialog } from "./dialog.js";
import { described, Problem } from "./frame.js";
import { when } from "./order.js";
import { Empty } from "./panel.js";

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ reason: string, letters: number, events: number, waiting: number, first_at: string,
 *   last_at: string }} Reason */
/** @typedef {{ id: number, batch_id: string, site: string | null, event_id: string | null, received_at: string,
 *   reason: string, detail: string, retries: number, is_waiting: boolean }} Letter */
/** @typedef {Letter & { principal: string, events: number | null, items: unknown[] }} Content */
/** @typedef {{ ids: number[] } | { reason: string }} Chosen */

const PAGE = 50;
const PATH = "dead-letters";
const OF_SITE = "site=" + encodeURIComponent(SITE);
// A worker retries within seconds.
const LOOK_AGAIN_MS = 3000;

export function DeadLetters() {
  const letters = useLetters();
  const [shown, setShown] = useState(/** @type {Content | null} */ (null));
  const [asked, setAsked] = useState(/** @type {Chosen | null} */ (null));
  const show = (/** @type {Letter} */ one) => letters.act(get(`${PATH}/${one.id}`).then(setShown));
  const retry = (/** @type {Chosen} */ which) => letters.change("retry", which, "retryRequested");
  const discard = (/** @type {Chosen} */ which) => {
    setAsked(null);
    letters.change("discard", which, "discarded");
  };
  return html`<section class="card panel" aria-label=${t("deadLetters")}>
    <div class="tabs"><h2 class="tab on">${t("deadLetters")}</h2></div>
    <p class="muted said-line">${t("deadIntro")}</p>
    <${Problem} error=${letters.error} retry=${letters.read} />
    <div class="said" role="status">${letters.said}</div>
    ${!letters.rows ? html`<div class="skeleton map-sk"></div>` : !letters.rows.length ? html`<${Empty}
      title=${t("noDead")}>${t("noDeadText")}<//>` : html`
      <ul class="jobs">${letters.reasons.map((one) => html`<li key=${one.reason}><${ReasonRow} reason=${one}
        retry=${retry} discard=${setAsked} /></li>`)}</ul>
      <ul class="jobs letters">${letters.rows.map((one) => html`<li key=${one.id}><${LetterRow} letter=${one}
        show=${show} retry=${retry} discard=${setAsked} /></li>`)}</ul>`}
    ${letters.next && html`<div class="panel-foot"><button class="more" onClick=${letters.more}>${t("showMore")}</button>
      </div>`}
    ${shown && html`<${LetterDialog} letter=${shown} close=${() => setShown(null)} />`}
    ${asked && html`<${Confirm} title=${t("discardTitle")} text=${t("discardText")} yes=${t("discardForEver")}
      confirm=${() => discard(asked)} close=${() => setAsked(null)} />`}
  </section>`;
}

/** The letters that were read so far, and what may be done with them. */
function useLetters() {
  const [rows, setRows] = useState(/** @type {Letter[] | null} */ (null));
  const [reasons, setReasons] = useState(/** @type {Reason[]} */ ([]));
  const [next, setNext] = useState(/** @type {string | null} */ (null));
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  const [said, setSaid] = useState("");
  /** @param {Promise<unknown>} work */
  const act = (work) => work.then(() => setError(null), (reason) => setError(described(reason)));
  const load = (/** @type {string} */ cursor) =>
    get(`${PATH}?${OF_SITE}&limit=${PAGE}${cursor && "&cursor=" + encodeURIComponent(cursor)}`).then((found) => {
      setRows((old) => [...(cursor ? old ?? [] : []), ...found.dead_letters]);
      if (found.reasons) setReasons(found.reasons);
      setNext(found.next_cursor);
    });
  const read = () => act(load(""));
  /** @param {"retry" | "discard"} what @param {Chosen} which @param {Word} word */
  const change = (what, which, word) => act(send("POST", `${PATH}/${what}?${OF_SITE}`, which).then((done) => {
    const n = done.requested ?? done.letters;
    setSaid(t(word, { n: exact(n) }, n));
    setTimeout(read, what === "retry" ? LOOK_AGAIN_MS : 0);
    return load("");
  }));
  useEffect(() => void read(), []);
  return { rows, reasons, next, error, said, act, read, change, more: () => next && act(load(next)) };
}

/** @param {{ reason: Reason, retry: (which: Chosen) => void, discard: (which: Chosen) => void }} props */
function ReasonRow({ reason, retry, discard }) {
  const which = { reason: reason.reason };
  return html`<div class="job"><div class="job-main">
      <div class="job-name"><b>${t(/** @type {Word} */ ("dead_" + reason.reason.replaceAll(" ", "_")))}</b></div>
      <div class="job-facts num"><span>${t("letters", { n: exact(reason.letters) }, reason.letters)}</span>
        <span>${t("lastAt", { time: when(reason.last_at) })}</span>
        ${reason.waiting > 0 && html`<span>${t("retrying", { n: exact(reason.waiting) }, reason.waiting)}</span>`}</div>
    </div><div class="job-tools">
      <button class="btn" onClick=${() => retry(which)}>${t("retryAll")}</button>
      <button class="btn danger" onClick=${() => discard(which)}>${t("discardAll")}</button></div></div>`;
}

/** @param {{ letter: Letter, show: (letter: Letter) => void, retry: (which: Chosen) => void,
 *   discard: (which: Chosen) => void }} props */
function LetterRow({ letter, show, retry, discard }) {
  const which = { ids: [letter.id] };
  return html`<div class="job"><div class="job-main">
      <div class="job-name"><b>${letter.event_id ?? letter.batch_id}</b>${letter.is_waiting && html`<span
        class="state running">${t("retryWaits")}</span>`}</div>
      <div class="job-error">${letter.detail}</div>
      <div class="job-facts num"><span>${t("receivedOn", { time: when(letter.received_at) })}</span>
        ${letter.retries > 0 && html`<span>${t("retriedTimes", { n: exact(letter.retries) }, letter.retries)}</span>`}
      </div></div>
    <div class="job-tools"><button class="btn" onClick=${() => show(letter)}>${t("showLetter")}</button>
      <button class="btn" disabled=${letter.is_waiting} onClick=${() => retry(which)}>${t("retryOne")}</button>
      <button class="btn danger" onClick=${() => discard(which)}>${t("discardOne")}</button></div></div>`;
}

/** @param {{ letter: Content, close: () => void }} props */
const LetterDialog = ({ letter, close }) => html`<${Dialog} title=${letter.event_id ?? letter.batch_id} close=${close}>
  <dl class="facts"><div><dt>${t("reason")}</dt><dd>${letter.detail}</dd></div>
    <div><dt>${t("batch")}</dt><dd>${letter.batch_id}</dd></div>
    <div><dt>${t("sentBy")}</dt><dd>${letter.principal}</dd></div></dl>
  <pre class="facts-json" tabindex="0">${JSON.stringify(letter.items, null, 2)}</pre><//>`;
