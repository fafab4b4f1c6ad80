/**
 * AnalyticsClient: what an application calls. It makes events, decides with privacy.ts whether they may be recorded, puts
 * them into the store, and tells the sender. It never throws into the application, and does nothing on a server.
 *
 * State is in closures, here and in the modules below: minified, a local name is one letter, a private field seven.
 */
import { countBytes } from "./batch.js";
import { createBucket } from "./bucket.js";
import { cutQuery, readCampaign } from "./campaign.js";
import { type Message, openChannel } from "./channel.js";
import { uuid7 } from "./ids.js";
import { MAX_EVENT_BYTES, MAX_HELD, resolveOptions } from "./options.js";
import { createPrivacy } from "./privacy.js";
import { call, createReport, PREFIX } from "./report.js";
import { createSender } from "./sender.js";
import { createSession } from "./session.js";
import { createStore, type Stored } from "./store.js";
import type { AnalyticsEvent, Client, NewEvent, Options, Payload, UserId } from "./types.js";

/** Its methods need no `this`: they can be passed around and destructured. */
export interface AnalyticsClient extends Client {}

/**
 * `new AnalyticsClient(apiUrl, token, options)`. `apiUrl`: the server's address, for example https://analytics.example;
 * `token`: a token or a publishable key. Pages of one origin that use the same server and site share what waits.
 */
export const AnalyticsClient = createClient as unknown as new (
  apiUrl: string,
  token?: string | null,
  options?: Options,
) => AnalyticsClient;

function createClient(apiUrl: string, token?: string | null, options: Options = {}): Client {
  const settings = resolveOptions(options);
  if (token?.startsWith("pk_")) [settings.key, token] = [token, null];
  const base = `${apiUrl}`.replace(/\/$/, "");
  const name = `${settings.storage}:${settings.site ?? settings.key ?? ""}@${base}`;
  const report = createReport(settings);
  // An opt-out is one from all sites and servers.
  const privacy = createPrivacy(settings.storage, settings.respectPrivacy, settings.consent);
  const session = createSession(name);
  const store = createStore(name, settings.persist);
  const mayTake = createBucket(settings.rate, settings.burst);
  let user: UserId | undefined;
  let lastUrl: string | undefined;
  /** False on a server, and after close(). */
  let live = !!globalThis.document;
  const announce = openChannel(name, receive);
  const sender = createSender(base + settings.path, name, settings, store, report, announce, sends, token);

  function records(): boolean {
    if (!live || privacy.records()) return live;
    // Another page may have been told, and this one not.
    store.forget(store.memory.keys());
    return false;
  }

  function sends(): boolean {
    return records() && privacy.isGranted();
  }

  function start(): void {
    // What was held while consent was pending; or could not be stored a while ago.
    for (const id of store.volatile) store.add([id, store.memory.get(id) as string]);
    void sender.start();
    sender.added();
  }

  function leave(): void {
    sender.leave();
    // It may have left events.
    announce({});
  }

  function make(fields: NewEvent, isSent: boolean): Stored | null {
    const now = Date.now();
    const event_id = uuid7(now);
    try {
      const event: AnalyticsEvent = {
        hostname: location.hostname,
        ...fields,
        event_id,
        ts: new Date(now).toISOString(),
        src: settings.src,
        // The page, unless the event or its payload says another.
        payload: { page: fields.path ? undefined : location.pathname, ...call(settings, "enrich"), ...fields.payload },
        user_id: fields.user_id ?? user,
        session_id: settings.session ? session.current(now, isSent) : undefined,
      };
      const checked = settings.beforeSend ? call(settings, "beforeSend", event) : event;
      if (!checked) return report.drop("before_send");
      const text = JSON.stringify({ ...checked, event_id });
      return countBytes(text) > MAX_EVENT_BYTES ? report.drop("too_large") : [event_id, text];
    } catch (error) {
      console.error(PREFIX, error);
      return report.drop("invalid");
    }
  }

  function record(fields: NewEvent): string | null {
    const isSent = sends();
    if (!isSent && !records()) return null;
    if (!mayTake(performance.now())) return report.drop("flood");
    // The first events tell most, where the visit came from: while consent is pending, later ones go.
    if (!isSent && store.memory.size >= MAX_HELD) return report.drop("queue_full");
    const event = make(fields, isSent);
    if (!event) return null;
    report.counts.tracked++;
    if (isSent) {
      store.add(event);
      sender.added();
    } else store.hold(event);
    return event[0];
  }

  function track(type: string, payload?: Payload, user_id?: UserId): string | null {
    return record({ type, payload, user_id });
  }

  function page(payload?: Payload): string | null {
    if (!live) return null;
    const referrer = cutQuery(lastUrl ?? document.referrer);
    lastUrl = location.href;
    // A router names the path alone.
    const path = payload?.["page"] ?? location.pathname;
    return record({
      type: "page_view",
      payload: { referrer, title: document.title, ...payload, page: path + readCampaign(location.search) },
      language: navigator.language,
      screen: screen.width,
    });
  }

  /** Does what the other pages of the origin are told, too. */
  function tell(message: Message): void {
    if (!live) return;
    announce(message);
    receive(message);
    if (!records()) store.clear();
  }

  function setOptOut(optOut: boolean): void {
    // What waits since before an opt-out that another page stored.
    if (live && !records()) store.clear();
    privacy.storeOptOut(optOut);
    tell({ optOut });
  }

  function receive({ delivered, token, consent, optOut }: Message): void {
    if (delivered) return store.forget(delivered);
    if (token) return sender.setToken(token);
    privacy.update(consent, optOut);
    // A page has gone, and may have left events; or this one may now send what it held.
    if (sends()) return start();
    // What is stored, the page that was told has forgotten: another may have begun anew.
    if (!records()) session.reset();
  }

  if (live) {
    // For the life of the page: after close() the listeners do nothing.
    addEventListener("visibilitychange", () => (document.hidden ? leave() : sender.arm(0)));
    addEventListener("pagehide", leave);
    addEventListener("online", sender.resume);
    if (sends()) start();
  }

  return {
    track,
    page,
    record,
    identify(userId, traits) {
      user = userId;
      return traits ? track("identify", traits) : null;
    },
    reset() {
      user = undefined;
      session.reset();
    },
    flush: sender.flush,
    setToken: sender.setToken,
    optOut: () => setOptOut(true),
    optIn: () => setOptOut(false),
    consent: (consent) => tell({ consent }),
    stats: () => ({
      ...report.counts,
      reasons: { ...report.counts.reasons },
      waiting: store.memory.size,
      unsaved: store.volatile.size,
      active: sends(),
    }),
    close() {
      leave();
      live = false;
    },
  };
}
