/** AnalyticsSDK: reads the reports of short links. It has nothing to do with sending events. */
/** What `getUrlStats` returns, among other fields of the report. */
export interface UrlStats {
    short_code: string;
    total_clicks: number;
    [field: string]: unknown;
}
export type GlobalStats = Record<string, unknown>;
/** An answer other than a success: its status, and from the problem in it the code and what to change. */
export declare class ApiError extends Error {
    readonly status: number;
    readonly code: string | undefined;
    readonly detail: string;
    constructor(status: number, detail: string, code?: string);
}
export declare class AnalyticsSDK {
    #private;
    constructor(baseUrl: string, token?: string);
    /** Clicks of one short link. Throws ApiError. */
    getUrlStats(code: string): Promise<UrlStats>;
    /** Clicks of all short links. Throws ApiError. */
    getGlobalStats(): Promise<GlobalStats>;
}
