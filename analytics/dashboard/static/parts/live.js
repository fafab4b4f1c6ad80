// How many people are online now. Server-sent events, which a shared page has not, only nudge it: it asks again two
// seconds later at the soonest.
import { html, useEffect, useState } from "../vendor/preact.js";
import { address, get } from "../app/api.js";
import { exact } from "../app/format.js";
import { SHARED, SITE } from "../app/state.js";
import { t } from "../app/words.js";
import { Spark } from "../charts/spark.js";

const SOONEST_MS = 2000;
const LATEST_MS = 30_000;

export function LiveCount() {
  const now = useRealtime();
  const n = now?.current_visitors ?? 0;
  return html`<span class="live" title=${t("onlineTitle")}><span class=${n ? "pulse" : "pulse off"}></span>
    ${now ? html`<span><b class="num">${exact(n)}</b> <span class="words">${t("online", {}, n)}</span>
      </span>${now.series && html`<${Spark} values=${now.series.map((one) => one.views)} />`}` : t("live")}
  </span>`;
}

/** Hidden pages close the stream. @returns {Realtime | null} */
function useRealtime() {
  const [now, setNow] = useState(/** @type {Realtime | null} */ (null));
  useEffect(() => {
    const query = "?site=" + encodeURIComponent(SITE);
    let timer = 0;
    /** @type {EventSource | undefined} */
    let stream;
    const ask = () => {
      clearTimeout(timer);
      timer = setTimeout(ask, LATEST_MS);
      get("reports/realtime" + query + "&limit=1").then(setNow, () => {});
    };
    let last = 0;
    const nudge = () => {
      if (last > Date.now()) return;
      last = Date.now() + SOONEST_MS;
      clearTimeout(timer);
      timer = setTimeout(ask, SOONEST_MS);
    };
    const stop = () => {
      clearTimeout(timer);
      stream?.close();
      stream = undefined;
    };
    const start = () => {
      if (document.hidden) return stop();
      ask();
      if (SHARED) return undefined;
      stream ??= new EventSource(address("reports/live" + query));
      stream.onmessage = nudge;
      stream.addEventListener("event", nudge);
      return undefined;
    };
    start();
    document.addEventListener("visibilitychange", start);
    return () => {
      stop();
      document.removeEventListener("visibilitychange", start);
    };
  }, []);
  return now;
}
