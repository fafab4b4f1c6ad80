/** Vue: a plugin that makes one client for an application, and the function that components get it with. */
import { inject, type InjectionKey, type Plugin } from "vue";
import { AnalyticsClient, type Options } from "./analytics.js";

const KEY: InjectionKey<AnalyticsClient> = Symbol("analytics");

export interface AnalyticsPluginOptions {
  apiUrl: string;
  token?: string | null | undefined;
  options?: Options | undefined;
  /** Vue Router, or anything with its `afterEach`: each navigation is recorded as a page view. */
  router?: { afterEach(guard: (to: { path: string }, from: unknown, failure?: unknown) => void): unknown } | undefined;
}

/** `app.use(createAnalytics({ apiUrl, token }))`. On a server the client does nothing. */
export function createAnalytics({ apiUrl, token, options, router }: AnalyticsPluginOptions): Plugin {
  return {
    install(app) {
      const client = new AnalyticsClient(apiUrl, token, options);
      app.provide(KEY, client);
      app.onUnmount?.(() => client.close());
      router?.afterEach((to, _from, failure) => {
        if (!failure) client.page({ page: to.path });
      });
    },
  };
}

/** The application's client. Throws outside of an application with the plugin. */
export function useAnalytics(): AnalyticsClient {
  const client = inject(KEY, null);
  if (!client) throw new Error("useAnalytics() found no client: call app.use(createAnalytics({ apiUrl: … })) first");
  return client;
}
