/** What becomes of events: the counts of stats(), and the application's callbacks. */
import type { Settings } from "./options.js";
import type { DropReason, Rejection, Stats } from "./types.js";

type Reasons = Partial<Record<DropReason, number>>;

export interface Report {
  readonly counts: Omit<Stats, "waiting" | "unsaved" | "active">;
  /** Counts a drop. Returns null, which is what the caller of `track` gets. */
  drop(reason: DropReason, count?: number): null;
  reject(rejection: Rejection): void;
  /** Drops by reason since the last call, or undefined. */
  takeDrops(): Reasons | undefined;
}

export function createReport(settings: Settings): Report {
  const counts: Report["counts"] = { tracked: 0, sent: 0, rejected: 0, dropped: 0, retries: 0, reasons: {} };
  let recent: Reasons | undefined;
  return {
    counts,
    drop(reason, count = 1) {
      counts.dropped += count;
      for (const sums of [counts.reasons, (recent ??= {})]) sums[reason] = (sums[reason] ?? 0) + count;
      call(settings, "onDrop", { reason, count });
      return null;
    },
    reject(rejection) {
      counts.rejected += rejection.count;
      call(settings, "onReject", rejection);
    },
    takeDrops() {
      const drops = recent;
      recent = undefined;
      return drops;
    },
  };
}

export const PREFIX = "[analytics]";

type Callbacks = Required<Pick<Settings, "enrich" | "beforeSend" | "onToken" | "onReject" | "onDrop" | "onAck">>;
type Callback<N extends keyof Callbacks> = NonNullable<Callbacks[N]>;

/** Calls an application's function, if it is set: what it throws is reported, and does not stop the delivery. */
export function call<N extends keyof Callbacks>(
  settings: Settings,
  name: N,
  ...args: Parameters<Callback<N>>
): ReturnType<Callback<N>> | undefined {
  if (settings.debug) console.debug(PREFIX, name, ...args);
  try {
    return (settings[name] as ((...args: unknown[]) => ReturnType<Callback<N>>) | undefined)?.(...args);
  } catch (error) {
    console.error(PREFIX, error);
  }
  return undefined;
}
