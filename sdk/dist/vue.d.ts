/** Vue: a plugin that makes one client for an application, and the function that components get it with. */
import { type Plugin } from "vue";
import { AnalyticsClient, type Options } from "./analytics.js";
export interface AnalyticsPluginOptions {
    apiUrl: string;
    token?: string | null | undefined;
    options?: Options | undefined;
    /** Vue Router, or anything with its `afterEach`: each navigation is recorded as a page view. */
    router?: {
        afterEach(guard: (to: {
            path: string;
        }, from: unknown, failure?: unknown) => void): unknown;
    } | undefined;
}
/** `app.use(createAnalytics({ apiUrl, token }))`. On a server the client does nothing. */
export declare function createAnalytics({ apiUrl, token, options, router }: AnalyticsPluginOptions): Plugin;
/** The application's client. Throws outside of an application with the plugin. */
export declare function useAnalytics(): AnalyticsClient;
