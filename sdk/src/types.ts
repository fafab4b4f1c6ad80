/** The types of the public surface: options, events, counts and what the callbacks receive. No code. */

export type Payload = Record<string, unknown>;

/** Columns of an event that the server stores beside the payload. Names are those of the HTTP API. */
export interface EventColumns {
  path?: string | undefined;
  referrer?: string | undefined;
  hostname?: string | undefined;
  language?: string | undefined;
  screen?: string | number | undefined;
  subject?: string | undefined;
  utm_source?: string | undefined;
  utm_medium?: string | undefined;
  utm_campaign?: string | undefined;
  utm_term?: string | undefined;
  utm_content?: string | undefined;
}

/** What `record` takes: an event without what the client adds to it. */
export interface NewEvent extends EventColumns {
  type: string;
  payload?: Payload | undefined;
  user_id?: string | number | null | undefined;
}

/** An event as it is sent; `beforeSend` sees it and may change it. */
export interface AnalyticsEvent extends NewEvent {
  event_id: string;
  ts: string;
  src?: string | undefined;
  session_id?: string | undefined;
  payload: Payload;
}

/**
 * Why an event was not taken, or was given up:
 * `flood`: more events than `rate` and `burst` allow. `queue_full`: more than `maxQueue` waiting, the oldest goes.
 * `too_old`: it waited longer than `maxAgeHours`. `too_large`: more than 32 KB. `before_send`: `beforeSend` refused it,
 * or threw. `invalid`: its payload cannot be written as JSON.
 */
export type DropReason = "flood" | "queue_full" | "too_old" | "too_large" | "before_send" | "invalid";

export interface Drop {
  reason: DropReason;
  count: number;
}

/** One refusal by the server. Without `event_id` it concerns the whole batch of `count` events. */
export interface Rejection {
  event_id?: string | undefined;
  status: number;
  count: number;
  field?: string | undefined;
  code?: string | undefined;
  detail?: string | undefined;
}

export interface Stats {
  /** Events that `track`, `page`, `identify` and `record` took. */
  tracked: number;
  /** Events that the server took from this page, which also sends what other pages left. */
  sent: number;
  rejected: number;
  dropped: number;
  /** `dropped` by reason. */
  reasons: Partial<Record<DropReason, number>>;
  /** Requests that failed and are made again. */
  retries: number;
  /** Events of this page that are not acknowledged yet. */
  waiting: number;
  /** Those of them that are in memory only, and would be lost with the page. */
  unsaved: number;
  /** Whether events are sent: not after optOut(), without consent, where the browser objects, and after close(). */
  active: boolean;
}

export type UserId = string | number | null;

/** The methods of AnalyticsClient. On a server, and after close(), they do nothing. */
export interface Client {
  /** Records an event. Returns its id, or null when it was not taken; stats() has the reason. */
  track(type: string, payload?: Payload, userId?: UserId): string | null;
  /** Records a view of the current page; `payload` replaces or adds properties. */
  page(payload?: Payload): string | null;
  /** As track(), for an event with columns of its own, such as `path` or `subject`. */
  record(event: NewEvent): string | null;
  /** The user of all events that follow, until reset() or the page's end. With traits an `identify` event has them. */
  identify(userId: string | number, traits?: Payload): string | null;
  /** Forgets the user and begins another session: after signing out. */
  reset(): void;
  /** Sends what waits. Resolves when all of it was answered, or cannot be sent now. */
  flush(): Promise<void>;
  /** Another token, after signing in or when one has expired. Events that wait for one are sent. */
  setToken(token: string | null | undefined): void;
  /** Records nothing from now on, in all tabs and on later visits, and forgets what waits. */
  optOut(): void;
  optIn(): void;
  /** The visitor's decision, in all tabs. `granted` sends what was held; `denied` forgets it, and all that waits. */
  consent(state: "granted" | "denied"): void;
  stats(): Stats;
  /** Makes one last request for what waits, and stops. What is stored is delivered by the next client. */
  close(): void;
}

export type ConsentState = "granted" | "pending" | "denied";

export interface Options {
  /** The site's key on the server. Needed without a publishable key, which names its site. */
  site?: string | undefined;
  /** A publishable key, `pk_…`; sent in the body, so that the browser makes no preflight request. */
  key?: string | undefined;
  /** Events that wait before they are sent at once. Default 10. */
  flushAt?: number | undefined;
  /** Milliseconds after which fewer are sent. Default 5000. */
  flushMs?: number | undefined;
  /** Keep waiting events in the browser's storage, so that they outlive the page. Default true. */
  persist?: boolean | undefined;
  /** Send a session id, kept in localStorage for 30 minutes after the last event. Default true. */
  session?: boolean | undefined;
  /** `pending` holds up to 100 events in memory until `consent()` is called; nothing is stored or sent. Default granted. */
  consent?: "granted" | "pending" | undefined;
  /** Record nothing where the browser asks not to be tracked (Global Privacy Control, Do Not Track). Default true. */
  respectPrivacy?: boolean | undefined;
  /** Most events that wait; the oldest are dropped above it. Default 1000. */
  maxQueue?: number | undefined;
  /** Hours after which a waiting event is dropped. Default 72. */
  maxAgeHours?: number | undefined;
  /** Events a second that are taken for long. Default 20. */
  rate?: number | undefined;
  /** Events that are taken at once. Default 100. */
  burst?: number | undefined;
  /** The path below `apiUrl` that events are sent to. Default /api/analytics/ingest. */
  path?: string | undefined;
  /** Prefix of the names in the browser's storage. Default analytics. */
  storage?: string | undefined;
  /** The `src` of every event. Default web_app. */
  src?: string | undefined;
  /** Properties for the payload of every event; the event's own win. */
  enrich?: (() => Payload) | undefined;
  /** Sees each event before it is kept. Returns it, changed or not; null or undefined drops it. */
  beforeSend?: ((event: AnalyticsEvent) => AnalyticsEvent | null | undefined) | undefined;
  /** Gets a new token after a 401. Called once, in one tab; the others receive what it returns. */
  onToken?: (() => string | null | undefined | Promise<string | null | undefined>) | undefined;
  onReject?: ((rejection: Rejection) => void) | undefined;
  onDrop?: ((drop: Drop) => void) | undefined;
  /** Called with the ids of acknowledged events and the server's response. */
  onAck?: ((ids: string[], response: unknown) => void) | undefined;
  /** Write what the callbacks are told to the console, whether they are set or not. Default false. */
  debug?: boolean | undefined;
}
