/** The address of the page, as the tracker records it. */
import { readCampaign } from "../campaign.js";

/** The path. With `hash` the fragment is a part of it: `/#/about` is `/about`, and `/docs#api` is `/docs/api`. */
export function readPath(hash: boolean): string {
  const { pathname, hash: fragment } = location;
  const inner = hash ? fragment.replace(/^#!?\/?/, "").split(/[?&=]/)[0] : "";
  return inner ? pathname.replace(/\/?$/, "/") + inner : pathname;
}

/** The campaign's part of the query, with `?`. Where nothing else names the source, `ref` does. */
export function readSource(): string {
  const { search } = location;
  return readCampaign(/[?&]utm_source=./i.test(search) ? search : search.replace(/([?&])ref=/, "$1utm_source="));
}
