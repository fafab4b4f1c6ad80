/** Defaults of the options, and limits that are no option. The client resolves its options here, once. */
import type { Options } from "./types.js";
/** Most events of one request. */
export declare const MAX_BATCH_EVENTS = 100;
/** Most bytes of one request: browsers allow 64 KiB in all to requests that outlive their page. */
export declare const MAX_BATCH_BYTES = 60000;
export declare const MAX_EVENT_BYTES = 32000;
/** Most events that are held while consent is pending. */
export declare const MAX_HELD = 100;
declare const DEFAULTS: {
    flushAt: number;
    flushMs: number;
    persist: boolean;
    session: boolean;
    consent: "granted" | "pending";
    respectPrivacy: boolean;
    maxQueue: number;
    maxAgeHours: number;
    rate: number;
    burst: number;
    path: string;
    storage: string;
    src: string;
};
export type Settings = typeof DEFAULTS & Omit<Options, keyof typeof DEFAULTS>;
/** The options with defaults; an option that is undefined has its default. */
export declare function resolveOptions(options: Options): Settings;
export {};
