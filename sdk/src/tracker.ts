/**
 * The tracker: what a page records by itself, from one `<script defer data-site data-key src="…/tracker.js">`.
 *
 * Views and their engagement are here; tag.ts reads the attributes, interactions.ts watches links, forms and errors.
 * Unless the tag asks for it nothing is kept in the browser, neither cookies nor storage: events wait in memory, and the
 * last request outlives the page. It does nothing when it is loaded twice.
 */
import { cutQuery } from "./campaign.js";
import { AnalyticsClient } from "./client.js";
import { PREFIX } from "./report.js";
import { watchAttention } from "./tracker/attention.js";
import { watchInteractions } from "./tracker/interactions.js";
import { readPath, readSource } from "./tracker/page.js";
import { readTag, type Tag } from "./tracker/tag.js";
import type { AnalyticsEvent, NewEvent, Payload } from "./types.js";

/** What a page calls: `analytics("signup", {plan: "pro"})`, and methods. Before it is loaded, `q` holds the calls. */
interface PageApi {
  (type: string, payload?: Payload): string | null;
  q?: Iterable<[string, Payload?]>;
}
type Page = typeof window & {
  analytics?: PageApi;
  /** A tracker was loaded. */
  analyticsTracker?: boolean;
  analyticsBeforeSend?: (event: AnalyticsEvent) => AnalyticsEvent | null | undefined;
};
interface View {
  path: string;
  /** Of its page view; none where that was not recorded. */
  id?: string | null;
  /** When it began, as its page view says. */
  ts?: string | undefined;
  /** Its next report of engagement is of at least so many seconds. */
  leastSeconds: number;
}

const page = window as Page;
const tags = "script[data-site],script[data-key]";
// Not simply the current script: an element of the page with the name `currentScript` hides the property.
const script = (document.currentScript?.matches(tags) ? document.currentScript : document.querySelector(tags)) as HTMLScriptElement | null;
if (script && !page.analyticsTracker) {
  page.analyticsTracker = true;
  // A page that is prerendered may never be seen.
  if ((document as Document & { prerendering?: boolean }).prerendering) {
    document.addEventListener("prerenderingchange", () => load(readTag(script)));
  } else load(readTag(script));
}

function load(tag: Tag): void {
  if (tag.sdk) import(tag.sdk).then((sdk: typeof import("./analytics.js")) => start(tag, sdk.AnalyticsClient), warn);
  else start(tag, AnalyticsClient);
}

function warn(error: unknown): void {
  console.warn(PREFIX, error);
}

function start(tag: Tag, Client: typeof AnalyticsClient): void {
  let view: View | undefined;
  const attention = watchAttention();
  // Before the client's listeners: what is recorded while a page goes away is in its last request.
  document.addEventListener("visibilitychange", () => document.hidden && reportEngagement(), true);
  addEventListener("pagehide", reportEngagement, true);
  const client = new Client(tag.base, null, {
    site: tag.site,
    key: tag.key,
    path: tag.path,
    persist: tag.persist,
    session: tag.session,
    flushMs: 1000,
    src: "tracker",
    beforeSend(event) {
      // Engagement belongs to the hour and the day of its view, and so to the same visitor (docs/decisions/0036).
      if (event.type === "engagement") event.ts = view?.ts ?? event.ts;
      const sent = page.analyticsBeforeSend ? page.analyticsBeforeSend(event) : event;
      if (view && event.type === "page_view") view.ts = sent?.ts;
      return sent;
    },
  });

  function record(type: string, payload?: Payload, columns?: Partial<NewEvent>): string | null {
    return client.record({ type, path: view?.path ?? readPath(tag.hash), payload, ...columns });
  }

  function reportEngagement(): void {
    if (!view?.id) return;
    const seen = attention.take(view.leastSeconds);
    if (!seen) return;
    view.leastSeconds = 1;
    record("engagement", { view: view.id, ...seen });
  }

  /** A view of the present address. `referrer`: where the visitor came from, which is the view before. */
  function begin(referrer = view ? location.origin + view.path : document.referrer): void {
    reportEngagement();
    attention.restart();
    const path = readPath(tag.hash);
    view = { path, leastSeconds: 0.1 };
    if (tag.exclude.test(path)) return;
    view.id = record("page_view", { title: document.title }, {
      path: path + readSource(),
      referrer: cutQuery(referrer) || undefined,
      language: navigator.language,
      screen: screen.width + "x" + screen.height,
    });
  }

  /** After a change of the address. A query alone makes no other page. */
  function follow(): void {
    if (view && readPath(tag.hash) !== view.path) begin();
  }

  function first(): void {
    begin();
    const [navigation] = performance.getEntriesByType("navigation") as (PerformanceNavigationTiming & { responseStatus?: number })[];
    const status = document.querySelector<HTMLMetaElement>('meta[name="analytics:status"]')?.content ?? navigation?.responseStatus;
    if (tag.missing && String(status) === "404" && view?.id) record("not_found");
    if (tag.vitals && view?.id) loadVitals(tag, view.path, client);
  }

  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = function (...args) {
      original.apply(this, args);
      // Once the caller is done: it may set the title next.
      queueMicrotask(follow);
    };
  }
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  // Out of the back/forward cache: shown again, and nobody followed a link to it.
  addEventListener("pageshow", (event) => event.persisted && view && begin(""));
  watchInteractions(tag, (type, payload) => view?.id && record(type, payload));

  const queued = page.analytics?.q ?? [];
  page.analytics = Object.assign(record, client, { track: record, page: () => begin() });
  first();
  for (const call of queued) record(...call);
}

/** Web vitals are of the load of the page, so their path is that of its first view. */
function loadVitals({ vitals, base, samplesPath, key, site }: Tag, path: string, client: AnalyticsClient): void {
  import(vitals as string)
    .then((module: typeof import("./vitals.js")) => module.watchVitals(base + samplesPath, { key, site_id: site }, path, client))
    .catch(warn);
}
