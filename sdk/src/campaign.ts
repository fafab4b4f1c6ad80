/** What is kept of an address: its query may be private, and so may its fragment. */

/** Parameters that name a campaign, or that advertising networks add to links. The server reads no others. */
const CAMPAIGN = /(^\?|&)(utm_[cmst]|(\w+clk?|scc|rdt_c|li_fat_|\wbra)id=)[^&;]*/gi;

/** The campaign's part of a query, with `?`. */
export function readCampaign(query: string): string {
  return query.match(CAMPAIGN)?.join("").replace(/^&/, "?") ?? "";
}

/** An address without query and fragment. */
export function cutQuery(url: string): string {
  // A page may have an element of the name `referrer`, which hides the property.
  return `${url}`.replace(/[?#].*/, "");
}
