// How the service is: its servers and processes, what waits, whether every event is accounted for, and what could not be
// stored. Numbers of the whole service are for administrators.
import { html, useEffect, useState } from "../vendor/preact.js";
import { address, signIn } from "../app/api.js";
import { DASH, count, duration, exact, percent, when } from "../app/format.js";
import { size } from "../app/size.js";
import { may } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { AuditPanel } from "../parts/audit.js";
import { DeadLetters } from "../parts/dead_letters.js";
import { Frame, Problem, described } from "../parts/frame.js";
import { Figure } from "../parts/ranking.js";
import { StoragePanel } from "../parts/storage.js";
import { TracePanel } from "../parts/trace.js";

await addWords(() => import("../app/words_operations.js"), () => import("../app/words_operations_de.js"));

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ started_at: string | null, ended_at: string | null, duration_ms: number | null, outcome: string | null,
 *   last_success_at: string | null }} Run */
/** @typedef {{ ok: boolean, version: string, degraded: string[], timestamp: string, postgres: string, redis: string,
 *   queue?: { backlog_events: number | null, backlog_bytes: number | null, oldest_waiting_s: number | null },
 *   rollups?: { waiting_events: number | null, merge_lag_s: number | null, last_close_day: string | null },
 *   cache?: { hits: number | null, misses: number | null }, pool?: { checked_out: number, size: number },
 *   redis_memory?: { used_bytes: number | null, limit_bytes: number | null },
 *   heartbeats?: { workers: Record<string, number>, beat: number | null } | null, tasks?: Record<string, Run> | null,
 *   audit?: { gap: string | null, checked_at: string | null },
 *   checks?: Record<string, { ok: boolean, latency_ms: number, detail: string }> }} Health */

const EVERY_MS = 5000;

/** @param {{ pages: PageEntry[] }} props */
export default function OperationsPage({ pages }) {
  const { health, error, retry } = useHealth();
  return html`<${Frame} pages=${pages} name="operations" title=${t("operations")} intro=${t("operationsIntro")}
    isReady=${health !== null}>
    <${Problem} error=${error} retry=${retry} />
    <${State} health=${health} />
    <${TracePanel} />
    ${may("admin") && html`<${AuditPanel} last=${health?.audit ?? null} /><${DeadLetters} /><${StoragePanel} />
      <div class="panels"><${Processes} health=${health} /><${Tasks} tasks=${health?.tasks ?? null} /></div>`}
  <//>`;
}

/** The state of the service, read again while the page is seen. It is told with status 503 too. */
function useHealth() {
  const [health, setHealth] = useState(/** @type {Health | null} */ (null));
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let isLeft = false;
    const read = () => readHealth().then((found) => {
      if (isLeft) return;
      setHealth(found);
      setError(null);
    }, (reason) => isLeft || setError(described(reason)));
    read();
    const timer = setInterval(() => document.hidden || read(), EVERY_MS);
    return () => {
      isLeft = true;
      clearInterval(timer);
    };
  }, [attempt]);
  return { health, error, retry: () => setAttempt((n) => n + 1) };
}

/** @returns {Promise<Health>} */
async function readHealth() {
  const response = await fetch(address("healthz"), { credentials: "same-origin" });
  const found = await response.json();
  // A session that has ended gets the public part.
  if (may("admin") && response.ok && !found.queue) signIn();
  return found;
}

/** @param {{ health: Health | null }} props */
function State({ health }) {
  const kind = !health ? "" : !health.ok ? "failed" : health.degraded.length ? "warned" : "done";
  const { queue, rollups, audit } = health ?? {};
  return html`<section class="card hero" aria-label=${t("stateOfService")}>
    <div class="service-state" role="status">${health ? html`<span
      class=${"state " + kind}>${t(/** @type {Word} */ ("service_" + (kind || "done")))}</span>
      <span>${serversOf(health)}</span>` : html`<span class="skeleton state-sk"></span>`}</div>
    ${health && health.degraded.length > 0 && html`<ul class="degraded">${health.degraded.map((code) => html`<li
      key=${code}>${t(/** @type {Word} */ ("degraded_" + code))}</li>`)}</ul>`}
    ${may("admin") && html`<div class="kpis">
      <${Figure} name=${t("waitsStored")} value=${count(queue?.backlog_events)} title=${exact(queue?.backlog_events)}
        foot=${oldest(queue?.backlog_events, queue?.oldest_waiting_s)} />
      <${Figure} name=${t("waitsCounted")} value=${count(rollups?.waiting_events)}
        title=${exact(rollups?.waiting_events)} foot=${oldest(rollups?.waiting_events, rollups?.merge_lag_s)} />
      <${Figure} name=${t("auditGap")} value=${balanceOf(audit)} title=${audit?.gap ?? undefined}
        foot=${audit?.checked_at ? t("checkedAt", { time: when(audit.checked_at) }) : t("neverChecked")} />
      <${Figure} name=${t("cacheHits")} value=${hitRate(health?.cache)} foot=${t("ofReports")} />
      <${Figure} name=${t("connections")} value=${health?.pool ? exact(health.pool.checked_out) : DASH}
        foot=${health?.pool && t("ofSize", { n: exact(health.pool.size) })} />
      <${Figure} name=${t("redisMemory")} value=${size(health?.redis_memory?.used_bytes ?? null)}
        foot=${memoryLimit(health)} />
    </div>`}
  </section>`;
}

/** @param {number | null | undefined} n @param {number | null | undefined} seconds */
const oldest = (n, seconds) => (n === 0 ? t("nothingWaits") : t("oldest", { time: duration(seconds) }));

/** @param {Health} health */
function serversOf(health) {
  const shown = (/** @type {"postgres" | "redis"} */ name) => {
    const check = health.checks?.[name];
    return `${t(name)}: ${check?.ok ? `${exact(check.latency_ms)} ms` : health[name]}`;
  };
  return [shown("postgres"), shown("redis"), t("versionIs", { version: health.version })].join(" · ");
}

/** @param {Health["audit"]} audit */
const balanceOf = (audit) => (audit?.checked_at ? t(audit.gap ? "notBalanced" : "balanced") : DASH);

/** @param {Health["cache"]} cache */
function hitRate(cache) {
  const all = (cache?.hits ?? 0) + (cache?.misses ?? 0);
  return all ? percent((cache?.hits ?? 0) / all) : DASH;
}

/** @param {Health | null} health */
function memoryLimit(health) {
  const limit = health?.redis_memory?.limit_bytes;
  return limit == null ? "" : limit ? t("ofSize", { n: size(limit) }) : t("noLimit");
}

/** @param {{ health: Health | null }} props */
function Processes({ health }) {
  const { workers = {}, beat = null } = health?.heartbeats ?? {};
  const rows = [...Object.entries(workers).map(([name, age]) => ({ name, age })), { name: "beat", age: beat }];
  return html`<section class="card panel" aria-label=${t("processes")}>
    <div class="tabs"><h2 class="tab on">${t("processes")}</h2></div>
    ${!health ? html`<div class="skeleton map-sk"></div>` : html`<div class="scroll" tabindex="0" role="group"
      aria-label=${t("processes")}><table class="plain">
      <thead><tr><th scope="col">${t("process")}</th><th scope="col">${t("lastHeartbeat")}</th></tr></thead>
      <tbody>${rows.map(({ name, age }) => html`<tr key=${name}><td>${name}</td>
        <td>${age === null ? t("noHeartbeat") : t("ago", { time: duration(age) })}</td></tr>`)}</tbody></table></div>`}
  </section>`;
}

/** @param {{ tasks: Record<string, Run> | null }} props */
function Tasks({ tasks }) {
  const rows = Object.entries(tasks ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  return html`<section class="card panel" aria-label=${t("tasks")}>
    <div class="tabs"><h2 class="tab on">${t("tasks")}</h2></div>
    ${!tasks ? html`<div class="skeleton map-sk"></div>` : !rows.length ? html`<p
      class="muted said-line">${t("noTasks")}</p>` : html`<div class="scroll" tabindex="0" role="group"
      aria-label=${t("tasks")}><table class="plain">
      <thead><tr><th scope="col">${t("task")}</th><th scope="col">${t("outcome")}</th>
        <th scope="col">${t("lastSuccess")}</th><th scope="col">${t("duration")}</th></tr></thead>
      <tbody>${rows.map(([name, run]) => html`<tr key=${name}><td>${name}</td>
        <td><span class=${"state " + stateOf(run)}>${t(/** @type {Word} */ ("run_" + stateOf(run)))}</span>
          ${stateOf(run) === "failed" && html` <span class="job-error">${run.outcome}</span>`}</td>
        <td>${run.last_success_at ? when(run.last_success_at) : t("never")}</td>
        <td>${run.duration_ms === null ? DASH : `${exact(Math.round(run.duration_ms))} ms`}</td></tr>`)}</tbody></table>
      </div>`}
  </section>`;
}

/** @param {Run} run */
function stateOf(run) {
  if (run.started_at && run.started_at > (run.ended_at ?? "")) return "running";
  return !run.outcome ? "waiting" : run.outcome === "ok" ? "done" : "failed";
}
