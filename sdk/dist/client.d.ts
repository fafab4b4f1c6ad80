import type { Client, Options } from "./types.js";
/** Its methods need no `this`: they can be passed around and destructured. */
export interface AnalyticsClient extends Client {
}
/**
 * `new AnalyticsClient(apiUrl, token, options)`. `apiUrl`: the server's address, for example https://analytics.example;
 * `token`: a token or a publishable key. Pages of one origin that use the same server and site share what waits.
 */
export declare const AnalyticsClient: new (apiUrl: string, token?: string | null, options?: Options) => AnalyticsClient;
