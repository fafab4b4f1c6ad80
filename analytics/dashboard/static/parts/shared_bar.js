// The bar above a page that is read without an account: the pages, and `children`; in a frame the way out of it.
import { html } from "../vendor/preact.js";
import { Icon } from "../app/icons.js";
import { IS_EMBEDDED, SHARED } from "../app/state.js";
import { t } from "../app/words.js";
import { Logo, pageAddress } from "./sidebar.js";

/** @param {{ pages?: PageEntry[], current?: string, children?: unknown }} props */
export function SharedBar({ pages = [], current, children }) {
  return html`<header class="shared-bar">
    ${!IS_EMBEDDED && html`<span class="brand"><${Logo} /><b>Analytics</b></span>`}
    <nav class="nav" aria-label=${t("sharedPages")}>${pages.map((one) => html`<a key=${one.name} href=${pageAddress(one)}
      aria-current=${one.name === current ? "page" : undefined}><${Icon} name=${one.icon} />
        ${t(/** @type {Word} */ (one.name))}</a>`)}</nav>
    <span class="grow"></span>
    ${IS_EMBEDDED ? html`<${WayOut} page=${pages.find((one) => one.name === current)} />` : children}
  </header>`;
}

/** The same page outside of the frame, as it is when the link is followed. @param {{ page?: PageEntry }} props */
function WayOut({ page }) {
  const address = () => SHARED + (page?.path ? "/" + page.path : "") + location.search;
  /** @param {any} event */
  const update = (event) => (event.currentTarget.href = address());
  return html`<a class="text-btn" href=${address()} target="_blank" rel="noopener noreferrer" onPointerDown=${update}
    onFocus=${update} title=${t("openShared")}><span class="words">${t("openShared")}</span><${Icon} name="out" size="13" /></a>`;
}
