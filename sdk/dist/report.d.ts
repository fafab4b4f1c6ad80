/** What becomes of events: the counts of stats(), and the application's callbacks. */
import type { Settings } from "./options.js";
import type { DropReason, Rejection, Stats } from "./types.js";
type Reasons = Partial<Record<DropReason, number>>;
export interface Report {
    readonly counts: Omit<Stats, "waiting" | "unsaved">;
    /** Counts a drop. Returns null, which is what the caller of `track` gets. */
    drop(reason: DropReason, count?: number): null;
    reject(rejection: Rejection): void;
    /** Drops by reason since the last call, or undefined. */
    takeDrops(): Reasons | undefined;
}
export declare function createReport(settings: Settings): Report;
export declare const PREFIX = "[analytics]";
type Callbacks = Required<Pick<Settings, "enrich" | "beforeSend" | "onToken" | "onReject" | "onDrop" | "onAck">>;
type Callback<N extends keyof Callbacks> = NonNullable<Callbacks[N]>;
/** Calls an application's function, if it is set: what it throws is reported, and does not stop the delivery. */
export declare function call<N extends keyof Callbacks>(settings: Settings, name: N, ...args: Parameters<Callback<N>>): ReturnType<Callback<N>> | undefined;
export {};
