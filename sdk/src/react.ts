"use client";

/**
 * React: a provider, a hook and page views, over one client for each server and site.
 *
 * Clients live in a map of the module, not in components: StrictMode mounts twice, and two components may use the same
 * server. A component that unmounts sends what waits; it never closes a client. On a server nothing is made.
 */
import { createContext, createElement, type FunctionComponent, type ReactNode, useContext, useEffect, useMemo } from "react";
import { AnalyticsClient, type Options } from "./analytics.js";

export type Analytics = Pick<AnalyticsClient, "track" | "page" | "identify" | "flush">;

type Token = string | null | undefined;

const clients = new Map<string, AnalyticsClient>();
const Context = createContext<AnalyticsClient | null>(null);

/** Without a client, on a server or outside of a provider. */
const nothing: Analytics = { track: () => null, page: () => null, identify: () => null, flush: () => Promise.resolve() };

/** The client of a server and site. The options of the first call for it are kept. */
export function getClient(apiUrl: string, token?: Token, options: Options = {}): AnalyticsClient | null {
  if (typeof document === "undefined") return null;
  const name = [apiUrl, options.site, options.key, options.storage, token?.startsWith("pk_") && token].join(" ");
  let client = clients.get(name);
  if (!client) clients.set(name, (client = new AnalyticsClient(apiUrl, token, options)));
  return client;
}

export interface AnalyticsProviderProps {
  apiUrl: string;
  token?: Token;
  options?: Options;
  children?: ReactNode;
}

/** Makes a client for all components below it, whose useAnalytics() then needs no arguments. */
export const AnalyticsProvider: FunctionComponent<AnalyticsProviderProps> = ({ apiUrl, token, options, children }) =>
  createElement(Context.Provider, { value: useClient(apiUrl, token, options) }, children);

/**
 * Functions that stay the same as long as the client does. With `apiUrl` a client of its own, else the provider's.
 * A changed `token` is handed on; `options` are those of the first render.
 */
export function useAnalytics(apiUrl?: string, token?: Token, options?: Options): Analytics {
  const provided = useContext(Context);
  const own = useClient(apiUrl, token, options);
  const client = own ?? provided;
  useEffect(() => () => void client?.flush(), [client]);
  return client ?? nothing;
}

/** Records a page view when `path` changes, for example with what the router says. */
export function usePageViews(path: string, payload?: Record<string, unknown>): void {
  const { page } = useAnalytics();
  useEffect(() => {
    if (lastPaths.get(page) === path) return;
    lastPaths.set(page, path);
    page({ page: path, ...payload });
  }, [page, path]);
}

/** The path that a client has recorded last: StrictMode runs each effect twice. */
const lastPaths = new WeakMap<Analytics["page"], string>();

function useClient(apiUrl: string | undefined, token: Token, options: Options | undefined): AnalyticsClient | null {
  const client = useMemo(
    () => (apiUrl === undefined ? null : getClient(apiUrl, token, options)),
    [apiUrl, options?.site, options?.key, options?.storage, token],
  );
  useEffect(() => {
    // A publishable key is part of the client; without a token it keeps the one that onToken returned.
    if (token && !token.startsWith("pk_")) client?.setToken(token);
  }, [client, token]);
  return client;
}
