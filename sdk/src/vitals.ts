/**
 * Web vitals of the load of a page: samples `web_vital.lcp`, `.inp` and `.cls` with the tag `path`. tracker.ts loads it
 * when its tag has `data-vitals`. Each is sent once a load, when it is known or the page is hidden; a sample that does not
 * arrive is not sent again.
 */
import type { Client } from "./types.js";
import { type Metric, onCLS, onINP, onLCP } from "web-vitals";

/** Values that are known together go together. */
const WAIT_MS = 1000;

/** Sends to `url`, a path of samples, while `client` is active; `envelope` names site and key. */
export function watchVitals(url: string, envelope: object, path: string, client: Client): void {
  let samples: object[] = [];

  function send(): void {
    if (!samples.length || !client.stats().active) return;
    const body = JSON.stringify({ ...envelope, sent_at: new Date(), samples });
    samples = [];
    // Without a header of ours there is no preflight request.
    fetch(url, { method: "POST", body, credentials: "omit", keepalive: true }).catch(() => undefined);
  }

  function add({ name, value, id }: Metric): void {
    // The server takes an id once: a metric that changes after the page was hidden keeps its first value.
    const sample_id = `${id}-${name}`;
    samples.push({ metric_name: "web_vital." + name.toLowerCase(), value, tags: { path }, sample_id, timestamp: new Date() });
    if (document.hidden) queueMicrotask(send);
    else setTimeout(send, WAIT_MS);
  }

  onLCP(add);
  onINP(add);
  onCLS(add);
  // Of a page that goes away within the wait.
  addEventListener("pagehide", send, true);
  document.addEventListener("visibilitychange", () => document.hidden && send(), true);
}
