/** What is kept of an address: its query may be private, and so may its fragment. */
/** The campaign's part of a query, with `?`. */
export declare function readCampaign(query: string): string;
/** An address without query and fragment. */
export declare function cutQuery(url: string): string;
