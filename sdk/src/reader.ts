/** AnalyticsSDK: reads the reports of short links. It has nothing to do with sending events. */

/** What `getUrlStats` returns, among other fields of the report. */
export interface UrlStats {
  short_code: string;
  total_clicks: number;
  [field: string]: unknown;
}

export type GlobalStats = Record<string, unknown>;

/** An answer other than a success: its status, and from the problem in it the code and what to change. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly detail: string;

  constructor(status: number, detail: string, code?: string) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.detail = detail;
  }
}

export class AnalyticsSDK {
  readonly #baseUrl: string;
  readonly #token: string | undefined;

  constructor(baseUrl: string, token?: string) {
    this.#baseUrl = baseUrl.replace(/\/$/, "");
    this.#token = token;
  }

  /** Clicks of one short link. Throws ApiError. */
  getUrlStats(code: string): Promise<UrlStats> {
    return this.#get("/analytics/stats/" + encodeURIComponent(code));
  }

  /** Clicks of all short links. Throws ApiError. */
  getGlobalStats(): Promise<GlobalStats> {
    return this.#get("/analytics/global");
  }

  async #get<T>(path: string): Promise<T> {
    const headers = this.#token ? { Authorization: "Bearer " + this.#token } : undefined;
    const response = await fetch(this.#baseUrl + path, headers && { headers });
    const answer = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };
    if (!response.ok) throw new ApiError(response.status, answer.detail ?? `the server answered ${response.status}`, answer.code);
    return answer as T;
  }
}
