/** The address of the page, as it is recorded: without what may be private in it. */
/** The path. With `hash` the fragment is a part of it: `/#/about` is `/about`, and `/docs#api` is `/docs/api`. */
export declare function readPath(hash: boolean): string;
/** The campaign's part of the query; `utm_source` where only `ref` names one. */
export declare function readCampaign(): {
    query: string;
    utm_source: string | undefined;
};
export declare function isExcluded(patterns: RegExp[]): boolean;
