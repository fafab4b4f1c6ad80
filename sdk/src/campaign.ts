/** What is kept of an address: its query may be private, and so may its fragment. */

/** Parameters that name a campaign, or that advertising networks add to links. The server reads no others. */
const CAMPAIGN = /[?&](utm_|\w+c(c|lk?)id=|\wbraid=|rdt_cid=|li_fat_id=)[^&]*/gi;

/** The campaign's part of a query, with `?`. */
export function readCampaign(query: string): string {
  return query.match(CAMPAIGN)?.join("").replace(/^&/, "?") ?? "";
}

/** An address without query and fragment. */
export function cutQuery(url: string): string {
  return url.replace(/[?#].*/, "");
}
