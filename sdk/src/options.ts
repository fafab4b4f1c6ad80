/** Defaults of the options, and limits that are no option. The client resolves its options here, once. */
import type { Options } from "./types.js";

/** Most events of one request. */
export const MAX_BATCH_EVENTS = 100;
/** Most bytes of one request: browsers allow 64 KiB in all to requests that outlive their page. */
export const MAX_BATCH_BYTES = 60_000;
export const MAX_EVENT_BYTES = 32_000;
/** Most events that are held while consent is pending. */
export const MAX_HELD = 100;

const DEFAULTS = {
  flushAt: 10,
  flushMs: 5000,
  persist: true,
  session: true,
  consent: "granted" as "granted" | "pending",
  respectPrivacy: true,
  maxQueue: 1000,
  maxAgeHours: 72,
  rate: 20,
  burst: 100,
  path: "/api/analytics/ingest",
  storage: "analytics",
  src: "web_app",
};

export type Settings = typeof DEFAULTS & Omit<Options, keyof typeof DEFAULTS>;

/** The options with defaults; an option that is undefined has its default. */
export function resolveOptions(options: Options): Settings {
  const settings: Record<string, unknown> = { ...options };
  for (const name in DEFAULTS) settings[name] ??= DEFAULTS[name as keyof typeof DEFAULTS];
  return settings as Settings;
}
