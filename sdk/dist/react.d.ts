/**
 * React: a provider, a hook and page views, over one client for each server and site.
 *
 * Clients live in a map of the module, not in components: StrictMode mounts twice, and two components may use the same
 * server. A component that unmounts sends what waits; it never closes a client. On a server nothing is made.
 */
import { type FunctionComponent, type ReactNode } from "react";
import { AnalyticsClient, type Options } from "./analytics.js";
export type Analytics = Pick<AnalyticsClient, "track" | "page" | "identify" | "flush">;
type Token = string | null | undefined;
/** The client of a server and site. The options of the first call for it are kept. */
export declare function getClient(apiUrl: string, token?: Token, options?: Options): AnalyticsClient | null;
export interface AnalyticsProviderProps {
    apiUrl: string;
    token?: Token;
    options?: Options;
    children?: ReactNode;
}
/** Makes a client for all components below it, whose useAnalytics() then needs no arguments. */
export declare const AnalyticsProvider: FunctionComponent<AnalyticsProviderProps>;
/**
 * Functions that stay the same as long as the client does. With `apiUrl` a client of its own, else the provider's.
 * A changed `token` is handed on; `options` are those of the first render.
 */
export declare function useAnalytics(apiUrl?: string, token?: Token, options?: Options): Analytics;
/** Records a page view when `path` changes, for example with what the router says. */
export declare function usePageViews(path: string, payload?: Record<string, unknown>): void;
export {};
