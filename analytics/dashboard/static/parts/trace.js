// Where is my event? Looks for one event by its id, or for what became of a batch, and says it in words.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get } from "../app/api.js";
import { exact, when } from "../app/format.js";
import { SITE } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { described, Problem } from "./frame.js";

await addWords(() => import("../app/words_operations.js"), () => import("../app/words_operations_de.js"));

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ asked: string, state: "stored" | "waiting" | "dead_lettered" | "gone", site: string | null,
 *   event: Record<string, any> | null, batch: Record<string, any> | null, dead_letter: Record<string, any> | null,
 *   waiting: Record<string, any>[], rollups: Record<string, any>[] }} Trace */

/** The id that the page's address names, as a link from another page does. */
const named = () => new URLSearchParams(location.search).get("event") ?? "";

export function TracePanel() {
  const [asked, setAsked] = useState(named);
  const { trace, error, retry } = useTrace(asked);
  /** @param {any} event */
  const find = (event) => {
    event.preventDefault();
    setAsked(String(new FormData(event.target).get("id")).trim());
  };
  return html`<section class="card pad" aria-label=${t("traceTitle")}>
    <h2 class="card-title">${t("traceTitle")}</h2><p class="muted">${t("traceIntro")}</p>
    <form class="line-form" role="search" onSubmit=${find}>
      <label class="field">${t("eventId")}<input name="id" required maxlength="512" autocomplete="off" value=${asked}
        spellcheck=${false} /></label><button class="btn">${t("findIt")}</button></form>
    <div aria-live="polite">
      ${error?.status === 404 ? html`<div class="trace"><span class="state failed">${t("trace_unknown")}</span>
        <p>${t("traceUnknown")}</p></div>` : html`<${Problem} error=${error} retry=${retry} />`}
      ${trace && html`<${Found} trace=${trace} />`}</div>
  </section>`;
}

/** @param {string} asked */
function useTrace(asked) {
  const [trace, setTrace] = useState(/** @type {Trace | null} */ (null));
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    setTrace(null);
    setError(null);
    if (!asked) return undefined;
    const abort = new AbortController();
    const path = `events/${encodeURIComponent(asked)}/trace?site=${encodeURIComponent(SITE)}`;
    get(path, abort.signal).then(setTrace, (reason) => abort.signal.aborted || setError(described(reason)));
    return () => abort.abort();
  }, [asked, attempt]);
  return { trace, error, retry: () => setAttempt((n) => n + 1) };
}

/** @param {{ trace: Trace }} props */
function Found({ trace }) {
  const { event, batch, dead_letter: letter, rollups } = trace;
  const kind = { stored: "done", waiting: "running", dead_lettered: "failed", gone: "failed" }[trace.state];
  return html`<div class="trace">
    <span class=${"state " + kind}>${t(/** @type {Word} */ ("trace_" + trace.state))}</span>
    <p>${t(/** @type {Word} */ ("traceText_" + trace.state))}</p>
    <dl class="facts">
      ${event && html`<${Facts} facts=${factsOf(event)} />`}
      ${letter && html`<${Facts} facts=${[[t("reason"), letter.reason], [t("detail"), letter.detail]]} />`}
      ${batch && html`<${Facts} facts=${batchFacts(batch)} />`}
    </dl>
    ${rollups.length > 0 && html`<details><summary>${t("countedIn", { n: exact(rollups.length) }, rollups.length)}
      </summary><div class="scroll" tabindex="0"><table class="plain"><thead><tr><th scope="col">${t("dimension")}</th>
        <th scope="col">${t("value")}</th><th scope="col">${t("calendarDay")}</th><th scope="col">${t("outcome")}</th>
        </tr></thead><tbody>${rollups.map((one, index) => html`<tr key=${index}><td>${one.dimension}</td>
          <td>${one.value}</td><td>${one.day}</td>
          <td>${t(one.state === "merged" ? "counted" : "countedSoon")}</td></tr>`)}</tbody></table></div></details>`}
  </div>`;
}

/** @param {Record<string, any>} event @returns {[string, string][]} */
function factsOf(event) {
  return [
    [t("type"), event.type], [t("happenedAt"), when(event.ts)], [t("receivedAt"), when(event.received_at)],
    [t("userId"), event.user_id ?? ""], [t("path"), event.path ?? ""], [t("src"), event.subject ?? ""],
    [t("countedAsBot"), event.is_bot ? t("countedAsBotText") : ""],
  ];
}

/** @param {Record<string, any>} batch @returns {[string, string][]} */
function batchFacts(batch) {
  const counts = ["accepted", "stored", "duplicate", "dead_lettered"].filter((name) => batch[name] != null);
  return [
    [t("batch"), batch.batch_id], [t("sentBy"), batch.principal ?? ""],
    [t("storedAt"), batch.stored_at ? when(batch.stored_at) : ""],
    [t("ofBatch"), counts.map((name) => `${t(/** @type {Word} */ ("n_" + name))} ${exact(batch[name])}`).join(", ")],
  ];
}

/** Facts that are known. @param {{ facts: [string, string][] }} props */
const Facts = ({ facts }) => facts.filter(([, text]) => text !== "").map(([name, text]) => html`<div key=${name}><dt>
  ${name}</dt><dd>${text}</dd></div>`);
