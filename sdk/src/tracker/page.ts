/** The address of the page, as it is recorded: without what may be private in it. */

/** Parameters that name a campaign, or that advertising networks add to links. The server reads no others. */
const CAMPAIGN = /^(utm_|\w+c[lc]id=|[gw]braid=|msclkid=|rdt_cid=|li_fat_id=)/i;

/** The path. With `hash` the fragment is a part of it: `/#/about` is `/about`, and `/docs#api` is `/docs/api`. */
export function readPath(hash: boolean): string {
  const { pathname, hash: fragment } = location;
  const inner = hash ? fragment.replace(/^#!?\/?/, "").split("?")[0] : "";
  return inner ? pathname.replace(/\/?$/, "/") + inner : pathname;
}

/** The campaign's part of the query, with `?`. Where nothing else names the source, `ref` does. */
export function readCampaign(): string {
  const { search } = location;
  const named = /[?&]utm_source=./i.test(search) ? search : search.replace(/([?&])ref=/, "$1utm_source=");
  const kept = named.slice(1).split("&").filter((part) => CAMPAIGN.test(part));
  return kept[0] ? "?" + kept.join("&") : "";
}
