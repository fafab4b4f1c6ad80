/** The package's entry: everything that an application imports. It does nothing when it is loaded. */
export { AnalyticsClient } from "./client.js";
export { AnalyticsSDK, ApiError, type GlobalStats, type UrlStats } from "./reader.js";
export type { AnalyticsEvent, Drop, DropReason, EventColumns, NewEvent, Options, Payload, Rejection, Stats, } from "./types.js";
