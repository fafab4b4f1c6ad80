/**
 * Delivery: when a request is made, with which events, and what follows from its answer. An event leaves the store only
 * when the server took it, refused it for ever, or a limit of the options was passed; then it is counted.
 *
 * States: idle, armed (a timer runs), sending, backing off (nothing before `notBefore`), waiting for a token. While `sends`
 * says no it does nothing.
 * The client owns it and tells it of events, of a new token, and of the page going away.
 */
import { jitter, MAX_WAIT_MS, readRetryAfter } from "./backoff.js";
import { countBytes, takeBatch, writeBody } from "./batch.js";
import type { Announce } from "./channel.js";
import { timeOf, uuid7 } from "./ids.js";
import { runExclusively } from "./lock.js";
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS, type Settings } from "./options.js";
import { call, PREFIX, type Report } from "./report.js";
import type { EventStore, Stored } from "./store.js";
import type { DropReason, Rejection } from "./types.js";

const TIMEOUT_MS = 30_000;
/** Request timeout, too early, too many requests: the same request may succeed later. Every 5xx is retried, too. */
const RETRIED = [408, 425, 429];

type Problem = Pick<Rejection, "field" | "code" | "detail"> & { index?: number | null };

/** What matters of an answer: of a 202, or of a problem. */
interface Answer {
  /** Events of the request; only the service counts them. */
  received?: number;
  rejected?: Problem[];
  errors?: Problem[];
  code?: string;
  detail?: string;
}

export interface Sender {
  /** Sends in `ms`, or earlier if that was arranged, but not before a wait that the server or a failure imposed. */
  arm(ms: number): void;
  /** An event was added. */
  added(): void;
  /** Resolves when everything that waits has been answered, or cannot be sent now. */
  flush(): Promise<void>;
  /** The page may go away: makes a request that outlives it. What is stored stays stored until an answer is seen. */
  leave(): void;
  /** Ends a wait: the network is back. */
  resume(): void;
  setToken(token: string | null | undefined): void;
  /** Delivers what earlier pages left, if there is any. */
  start(): Promise<void>;
}

export function createSender(
  url: string,
  lockName: string,
  settings: Settings,
  store: EventStore,
  report: Report,
  announce: Announce,
  /** False on a server, after close(), and where the visitor objects: also between two requests. */
  sends: () => boolean,
  token: string | null | undefined,
): Sender {
  const { memory } = store;
  const inFlight = new Set<string>();
  /** Done with, but perhaps found again: a full disk may refuse to delete them. */
  const settled = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let dueAt = Infinity;
  /** Time of performance.now() before which no request is made. */
  let notBefore = 0;
  /** Requests that failed since the last that did not. */
  let failures = 0;
  /** Most events of the next request: less than allowed since the server found one too large. */
  let limit = MAX_BATCH_EVENTS;
  let running: Promise<void> | undefined;
  let askedForToken = false;
  let needsToken = false;
  let warned = false;
  let leavingBytes = 0;

  function disarm(): void {
    clearTimeout(timer);
    dueAt = Infinity;
  }

  function arm(ms: number): void {
    const at = Math.max(performance.now() + ms, notBefore);
    if (needsToken || at >= dueAt || !sends()) return;
    disarm();
    dueAt = at;
    timer = setTimeout(() => {
      dueAt = Infinity;
      void flush();
    }, at - performance.now());
  }

  function resume(): void {
    failures = 0;
    needsToken = false;
    postpone(0);
  }

  function setToken(fresh: string | null | undefined): void {
    token = fresh;
    askedForToken = false;
    if (needsToken) resume();
  }

  /** No request in `ms`. Returns false, which ends the sending. */
  function postpone(ms: number): false {
    notBefore = performance.now() + ms;
    disarm();
    arm(0);
    return false;
  }

  /** With `now`, although a wait is not over. */
  function maySend(now?: boolean): boolean {
    if (needsToken || !sends()) return false;
    // The event `online` starts the next attempt; the wait serves browsers that miss it.
    if (!navigator.onLine) return postpone(MAX_WAIT_MS);
    if (now || performance.now() >= notBefore) return true;
    arm(0);
    return false;
  }

  function added(): void {
    if (memory.size > settings.maxQueue) giveUp(pickWaiting([...memory]).slice(0, -settings.maxQueue), "queue_full");
    // Less than it is while events of other pages are in flight; what follows them calls this again.
    const waiting = memory.size - inFlight.size;
    if (waiting > 0) arm(waiting < settings.flushAt ? settings.flushMs : 0);
  }

  async function flush(): Promise<void> {
    if (sends()) await (running ??= run());
  }

  async function run(): Promise<void> {
    let isSender: boolean | void;
    try {
      isSender = await (settings.persist ? runExclusively(lockName, drain) : drain());
    } finally {
      running = undefined;
    }
    // An event may have been added after the last look into the store, while its timer found this run.
    if (isSender === false) arm(2000);
    else added();
  }

  async function drain(): Promise<void> {
    while (maySend()) {
      addDropReport();
      const found = await store.readAll();
      // Meanwhile the visitor may have objected.
      if (!sends()) return;
      // In storage is nothing but what is in memory, too.
      if (found.length === memory.size) settled.clear();
      const waiting = pickWaiting(found);
      const oldest = Date.now() - settings.maxAgeHours * 3_600_000;
      // What is no event has no time.
      giveUp(waiting.filter(([id]) => !(timeOf(id) >= oldest)), "too_old");
      const fresh = pickWaiting(waiting);
      const batch = takeBatch(fresh, limit, MAX_BATCH_BYTES);
      if (!batch.length) return;
      // Several pages may have left more than one may keep. That matters only while the server is away.
      if (!(await post(batch))) return giveUp(fresh.slice(0, -settings.maxQueue), "queue_full");
    }
  }

  function leave(): void {
    if (!maySend(store.volatile.size > 0)) return;
    addDropReport();
    const batch = takeBatch(pickWaiting([...memory]), limit, MAX_BATCH_BYTES - leavingBytes);
    if (batch.length) void post(batch, true).then(added);
  }

  /** Those that are neither in flight nor done with. */
  function pickWaiting(events: Stored[]): Stored[] {
    return events.filter(([id]) => !inFlight.has(id) && !settled.has(id));
  }

  /** An event that tells the server what was dropped. While the server is away it would only take the room of others. */
  function addDropReport(): void {
    const payload = failures ? undefined : report.takeDrops();
    if (!payload) return;
    const event_id = uuid7();
    store.add([event_id, JSON.stringify({ event_id, type: "sdk_dropped", ts: new Date(), src: settings.src, payload })]);
  }

  /** The events are done with, in all pages. Returns their ids. */
  function settle(events: Stored[]): string[] {
    const delivered = events.map(([id]) => (settled.add(id), id));
    store.remove(delivered);
    announce({ delivered });
    return delivered;
  }

  function giveUp(events: Stored[], reason: DropReason): void {
    if (!events.length) return;
    settle(events);
    report.drop(reason, events.length);
  }

  /**
   * Whether the next batch may follow at once. With `leaving` the request outlives the page: also where nothing is stored,
   * since the page may go while it is under way.
   */
  async function post(batch: Stored[], leaving = !settings.persist): Promise<boolean> {
    const body = writeBody(batch, Date.now(), { key: settings.key, site_id: settings.site });
    const bytes = leaving ? countBytes(body) : 0;
    leavingBytes += bytes;
    for (const [id] of batch) inFlight.add(id);
    try {
      const response = await fetch(url, {
        method: "POST",
        body,
        // Without headers of ours the body is text/plain, and there is no preflight request; a token needs one.
        headers: token ? { "Content-Type": "application/json", Authorization: "Bearer " + token } : {},
        credentials: "omit",
        keepalive: leaving,
        // Browsers of before 2022 have their own, longer limit only.
        signal: AbortSignal.timeout?.(TIMEOUT_MS) as AbortSignal,
      });
      return await act(response, (await response.json().catch(() => ({}))) as Answer, batch);
    } catch {
      // No answer: the network, or the time limit.
      return retry(null);
    } finally {
      leavingBytes -= bytes;
      for (const [id] of batch) inFlight.delete(id);
    }
  }

  /** Does what the answer asks for. Returns as `post`. */
  async function act({ status, headers }: Response, answer: Answer, batch: Stored[]): Promise<boolean> {
    if (status < 300 && answer.received) {
      failures = 0;
      askedForToken = warned = false;
      limit = Math.min(MAX_BATCH_EVENTS, limit + 2);
      report.counts.sent += batch.length - rejectNamed(answer.rejected, batch, status).length;
      call(settings, "onAck", settle(batch), answer);
      return true;
    }
    if (status === 401 && !settings.key) {
      void getToken(answer);
      return false;
    }
    if (status === 413) {
      limit = Math.ceil(batch.length / 2);
      if (batch.length > 1) return true;
      giveUp(batch, "too_large");
      // Others might be, too, and so might the report of the drop, which waits for a request that succeeds.
      return retry(null);
    }
    if (status > 499 || RETRIED.includes(status)) return retry(headers.get("Retry-After"));
    // Unauthorised, forbidden, not found; or of another server: a 2xx without the count, a refusal without a code.
    if ((status < 405 && status !== 400) || !answer.code) {
      // Somebody has to change something, here or in a proxy.
      warn(answer.detail ?? status);
      return postpone(MAX_WAIT_MS);
    }
    refuse(answer, batch, status);
    return true;
  }

  /** Settles the events that the answer names, or if it names none, all. */
  function refuse(answer: Answer, batch: Stored[], status: number): void {
    const named = rejectNamed(answer.errors, batch, status);
    settle(named.length ? named : batch);
    if (!named.length) report.reject({ status, count: batch.length, code: answer.code, detail: answer.detail });
  }

  /** Counts the events that problems name. Returns them. */
  function rejectNamed(problems: Problem[] | undefined, batch: Stored[], status: number): Stored[] {
    const named = new Set<Stored>();
    for (const { index, ...problem } of problems ?? []) {
      const event = batch[index ?? -1];
      if (!event || named.has(event)) continue;
      named.add(event);
      report.reject({ ...problem, event_id: event[0], status, count: 1 });
    }
    return [...named];
  }

  /** Asks the application for another token, once until it has worked. Without one the sender waits for setToken(). */
  async function getToken({ detail }: Answer): Promise<void> {
    needsToken = true;
    const fresh = askedForToken ? null : await Promise.resolve(call(settings, "onToken")).catch((error) => console.error(PREFIX, error));
    askedForToken = true;
    if (!fresh) return warn(detail);
    announce({ token: fresh });
    token = fresh;
    resume();
  }

  /** Once until a request succeeds. */
  function warn(detail: unknown): void {
    if (!warned) console.warn(PREFIX, detail);
    warned = true;
  }

  function retry(retryAfter: string | null): false {
    report.counts.retries++;
    failures++;
    return postpone(readRetryAfter(retryAfter, Date.now(), Math.random()) || jitter(failures, Math.random()));
  }

  return {
    arm,
    added,
    flush,
    leave,
    resume,
    setToken,
    async start() {
      // Not at once: the page is still loading.
      if ((await store.readAll()).length > memory.size) arm(1000);
    },
  };
}
