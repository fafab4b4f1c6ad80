// The frame of every page: the side bar with the pages, the theme and sign out, and the menu of sites.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { get, useModule } from "../app/api.js";
import { Icon } from "../app/icons.js";
import { IS_EMBEDDED, SHARED, SITE } from "../app/state.js";
import { switchLanguage, t } from "../app/words.js";
import { Menu } from "./menu.js";

const root = document.documentElement;
const THEMES = ["system", "light", "dark"];
/** @type {Record<string, string>} */
const THEME_ICONS = { system: "screen", light: "sun", dark: "moon" };

/** The side bar; under 880 px a drawer, which `isOpen` shows.
 * @param {{ pages?: PageEntry[], current?: string, isOpen: boolean, close: () => void, openHelp?: () => void }} props */
export function Sidebar(props) {
  return SHARED ? html`<${SharedSidebar} ...${props} />` : html`<${AccountSidebar} ...${props} />`;
}

/** @param {Parameters<typeof Sidebar>[0]} props */
function SharedSidebar({ pages, current }) {
  const bar = useModule(true, () => import("./shared_bar.js"));
  if (!bar) return html`<header class="shared-bar"></header>`;
  return html`<${bar.SharedBar} pages=${pages} current=${current}><${ThemeButton} /><${LanguageButton} /><//>`;
}

/** @param {Parameters<typeof Sidebar>[0]} props */
function AccountSidebar({ pages = [], current, isOpen, close, openHelp }) {
  const groups = [...new Set(pages.map((one) => one.group))];
  const box = /** @type {{ current: HTMLElement }} */ (useRef());
  useEffect(() => {
    if (!isOpen) return undefined;
    const leave = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && close();
    // The drawer has to be visible to get the focus.
    const timer = setTimeout(() => box.current.querySelector("a")?.focus(), 50);
    addEventListener("keydown", leave);
    return () => {
      clearTimeout(timer);
      removeEventListener("keydown", leave);
      // While the drawer was open the page could not hold the focus.
      /** @type {HTMLElement | null} */ (document.querySelector(".head .only-small"))?.focus();
    };
  }, [isOpen]);
  return html`${isOpen && html`<div class="scrim" onClick=${close}></div>`}
    <aside ref=${box} class=${"side" + (isOpen ? " open" : "")}>
      <a class="brand" href="/"><${Logo} /><b>Analytics</b></a>
      <nav class="nav" aria-label=${t("allSites")}>
        <a href="/" aria-current=${current === "sites" ? "page" : undefined}><${Icon} name="sites" />${t("allSites")}</a>
      </nav>
      ${groups.map((group) => html`<nav class="nav" key=${group} aria-label=${t(/** @type {Word} */ (group))}>
        <div class="nav-group">${t(/** @type {Word} */ (group))}</div>
        ${pages.filter((one) => one.group === group).map((one) => html`<a key=${one.name} href=${pageAddress(one)}
          aria-current=${one.name === current ? "page" : undefined}><${Icon} name=${one.icon} />
            ${t(/** @type {Word} */ (one.word ?? one.name))}</a>`)}
      </nav>`)}
      <${Foot} openHelp=${openHelp} />
    </aside>`;
}

/** @param {PageEntry} page */
export const pageAddress = (page) => ROOT + (page.path && "/" + page.path);
const ROOT = SHARED ? (IS_EMBEDDED ? "/embed" : "") + SHARED : "/sites/" + encodeURIComponent(SITE);

export const Logo = () => html`<svg viewBox="0 0 24 24" aria-hidden="true"><rect class="b1" x="3" y="12" width="4.5"
  height="9" rx="1.5" /><rect
  class="b2" x="9.75" y="3" width="4.5" height="18" rx="1.5" /><rect class="b3" x="16.5" y="8" width="4.5" height="13"
    rx="1.5" /></svg>`;

/** @param {{ openHelp?: () => void }} props */
function Foot({ openHelp }) {
  const { user, version } = root.dataset;
  return html`<div class="side-foot">
    <${ThemeButton} />
    <${LanguageButton} />
    ${openHelp && html`<button class="iconbtn" onClick=${openHelp} title=${t("keys") + " (?)"} aria-label=${t("keys")}>
      <${Icon} name="help" /></button>`}
    ${user && html`<button class="iconbtn" onClick=${signOut} title=${`${t("signOut")}: ${user}`}
      aria-label=${t("signOut")}><${Icon} name="exit" /></button>`}
    ${version && html`<span class="version">v${version}</span>`}
  </div>`;
}

const LanguageButton = () => html`<button class="iconbtn" onClick=${switchLanguage} title=${t("language")}
  lang=${t("language") === "Deutsch" ? "de" : "en"}>${t("language").slice(0, 2).toUpperCase()}</button>`;

async function signOut() {
  const headers = { "X-CSRF-Token": root.dataset.csrf ?? "" };
  await fetch("/logout", { method: "POST", credentials: "same-origin", headers }).catch(() => {});
  location.assign("/login");
}

/** Goes through the system's theme, light and dark. */
function ThemeButton() {
  const [theme, setTheme] = useState(root.dataset.theme ?? "system");
  const flip = () => {
    const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    if (next === "system") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      if (next === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", next);
    } catch {
      // Storage is refused: the theme holds for this page.
    }
    setTheme(next);
  };
  const name = t(/** @type {Word} */ ("theme" + theme[0].toUpperCase() + theme.slice(1)));
  return html`<button class="iconbtn" onClick=${flip} aria-label=${name} title=${name}>
    <${Icon} name=${THEME_ICONS[theme]} /></button>`;
}

/** The site's name, and the others to change to, which are asked for when the menu is opened. */
export function SiteMenu() {
  const { name = SITE } = root.dataset;
  return SHARED ? html`<span class="site"><${Avatar} name=${name} /><span class="name">${name}</span></span>`
    : html`<${AccountSiteMenu} />`;
}

function AccountSiteMenu() {
  const name = root.dataset.name || SITE;
  const [sites, setSites] = useState([{ key: SITE, name }]);
  const load = () => sites.length === 1 && get("me").then((me) => me.sites.length && setSites(me.sites), () => {});
  return html`<${Menu} button="site" kind="site-menu" isStart=${true} title=${t("skipSites")} onOpen=${load}
    label=${html`<${Avatar} name=${name} /><span class="name">${name}</span>`}>
    <div role="menu" aria-label=${t("skipSites")}>
      ${sites.map((one) => html`<a key=${one.key} class="item" role="menuitemradio" aria-checked=${one.key === SITE}
        href=${"/sites/" + encodeURIComponent(one.key) + location.search}><${Avatar} name=${one.name} />
          <span class="lbl">${one.name}</span></a>`)}
      <div class="sep"></div>
      <a class="item" role="menuitem" href="/"><${Icon} name="sites" />${t("allSites")}</a>
    </div>
  <//>`;
}

/** @param {{ name: string }} props */
export const Avatar = ({ name }) => html`<span class="avatar" aria-hidden="true">${[...name][0]?.toUpperCase()}</span>`;

/** The button that opens the drawer. @param {{ open: () => void }} props */
export const DrawerButton = ({ open }) => !SHARED && html`<button class="iconbtn only-small" aria-label=${t("menu")} onClick=${open}>
  <${Icon} name="menu" size="20" /></button>`;

