// Files of a site's events, samples and reports: ordered once or regularly, watched, downloaded.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { get, send, useModule } from "../app/api.js";
import { SITE, may } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { JobList, isUnfinished } from "../parts/export_jobs.js";
import { Frame, Problem, described } from "../parts/frame.js";
import { bodyOfRequest } from "../parts/order.js";
import { OrderForm } from "../parts/order_form.js";
import { Empty } from "../parts/rows.js";
import { ScheduleList } from "../parts/schedules.js";

await addWords(() => import("../app/words_exports.js"), () => import("../app/words_exports_de.js"));

/** @typedef {import("../parts/export_jobs.js").Job} Job */
/** @typedef {import("../parts/schedules.js").Schedule} Schedule */

const FIRST_JOBS = 20;
const MOST_JOBS = 200;
/** While a file is being made, and else. */
const BUSY_MS = 1500;
const CALM_MS = 20_000;

/** @param {{ pages: PageEntry[] }} props */
export default function ExportsPage({ pages }) {
  const mayExport = may("export");
  const list = useExports(mayExport);
  const [asked, setAsked] = useState(/** @type {{ text: string, run: () => void } | null} */ (null));
  const [said, setSaid] = useState("");
  const question = useModule(asked !== null, () => import("../parts/confirm.js"));
  /** @param {Job} job */
  const removeJob = (job) => setAsked({ text: t("deleteFileText", { name: job.file_name }), run: () => list.act(job.id,
    "DELETE", `exports/${job.id}`) });
  /** @param {Schedule} one */
  const removeSchedule = (one) => setAsked({ text: t("deleteScheduleText"), run: () => list.act(one.id,
    "DELETE", `exports/schedules/${one.id}`) });
  const ordered = (/** @type {boolean} */ isSchedule) => {
    setSaid(t(isSchedule ? "scheduledSaid" : "orderedSaid"));
    list.load();
  };
  const isReady = !mayExport || (list.jobs !== null && list.schedules !== null) || list.error !== null;
  return html`<${Frame} pages=${pages} name="exports" title=${t("exports")} intro=${t("exportsIntro")}
    isReady=${isReady}>
    ${!mayExport ? html`<div class="card"><${Empty} title=${t("noExport")}>${t("noExportText")}<//></div>` : html`
      <${OrderForm} ordered=${ordered} changed=${() => setSaid("")} />
      <div class="said" role="status">${said}</div>
      <${Problem} error=${list.error} retry=${list.load} />
      <${JobList} jobs=${list.jobs} busy=${list.busy} more=${list.more} remove=${removeJob}
        cancel=${(/** @type {Job} */ job) => list.act(job.id, "DELETE", `exports/${job.id}`)}
        again=${(/** @type {Job} */ job) => list.act(job.id, "POST", "exports", bodyOfRequest(job.request,
          job.callback_url))} />
      <${ScheduleList} schedules=${list.schedules} busy=${list.busy} remove=${removeSchedule}
        pause=${(/** @type {Schedule} */ one) => list.act(one.id, "PATCH", `exports/schedules/${one.id}`,
          { enabled: !one.enabled })}
        run=${(/** @type {Schedule} */ one) => list.act(one.id, "POST", `exports/schedules/${one.id}/run-now`)} />`}
    ${asked && question && html`<${question.Confirm} title=${t("deleteWord")} text=${asked.text} yes=${t("deleteWord")}
      confirm=${() => { asked.run(); setAsked(null); }} close=${() => setAsked(null)} />`}
  <//>`;
}

/** Jobs and schedules of the site, read again while a file is being made. `act` sends a request for one of them.
 * @param {boolean} isAllowed */
function useExports(isAllowed) {
  const [state, setState] = useState(/** @type {{ jobs: Job[] | null, schedules: Schedule[] | null, hasMore: boolean,
    error: Failure | null }} */ ({ jobs: null, schedules: null, hasMore: false, error: null }));
  const [busy, setBusy] = useState(() => /** @type {Set<string>} */ (new Set()));
  const timer = useRef(0);
  const limit = useRef(FIRST_JOBS);
  const load = async () => {
    clearTimeout(timer.current);
    if (document.hidden) return;
    let next = CALM_MS;
    try {
      const [page, all] = await Promise.all([get(`exports?site=${encodeURIComponent(SITE)}&limit=${limit.current}`),
        get("exports/schedules")]);
      if (page.exports.some(isUnfinished)) next = BUSY_MS;
      setState({ jobs: page.exports, schedules: all.schedules.filter((/** @type {Schedule} */ one) =>
        one.site === SITE), hasMore: page.next_cursor !== null, error: null });
    } catch (failure) {
      setState((old) => ({ ...old, error: described(failure) }));
    }
    clearTimeout(timer.current);
    timer.current = setTimeout(load, next);
  };
  useEffect(() => {
    if (!isAllowed) return undefined;
    load();
    document.addEventListener("visibilitychange", load);
    return () => {
      clearTimeout(timer.current);
      document.removeEventListener("visibilitychange", load);
    };
  }, []);
  /** @param {string} id @param {"POST" | "PATCH" | "DELETE"} method @param {string} path @param {unknown} [body] */
  const act = async (id, method, path, body) => {
    setBusy((old) => new Set([...old, id]));
    /** @type {Failure | null} */
    let error = null;
    try {
      await send(method, path, body);
    } catch (failure) {
      error = described(failure);
    }
    await load();
    if (error) setState((old) => ({ ...old, error }));
    setBusy((old) => new Set([...old].filter((one) => one !== id)));
  };
  const more = state.hasMore && limit.current < MOST_JOBS ? () => {
    limit.current = Math.min(MOST_JOBS, limit.current + FIRST_JOBS * 2);
    load();
  } : undefined;
  return { ...state, busy, load, act, more };
}
