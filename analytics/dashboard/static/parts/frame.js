// The frame of a site's page beside the overview: side bar, head, title; the keys that open other pages.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { useModule } from "../app/api.js";
import { PRESETS, SHARED } from "../app/state.js";
import { addWords, language, t } from "../app/words.js";
import { DrawerButton, Sidebar, SiteMenu, pageAddress } from "./sidebar.js";

const root = document.documentElement;
// A page that imports this module waits for its words.
addWords(await (language === "de" ? import("../app/words_pages_de.js").then((words) => words.de)
  : import("../app/words_pages.js").then((words) => words.en)));

/** `live`: what stands beside the site's name, `tools`: at the end of the head. `back`: the way back, above the title. `isReady`: the
 * page shows its data. `setPeriod`: takes the name of a period that a key chose; `find`: what other keys of the page do.
 * @param {{ pages: PageEntry[], name: string, title: string, intro?: string, live?: unknown, tools?: unknown, back?: unknown,
 *   isReady: boolean, setPeriod?: (period: string) => void, find?: (key: string) => (() => void) | undefined, children: unknown }} props */
export function Frame({ pages, name, title, intro, live, tools, back, isReady, setPeriod, find, children }) {
  const [isDrawerOpen, setDrawer] = useState(false);
  const [isHelpOpen, setHelp] = useState(false);
  const help = useModule(isHelpOpen, () => import("./help.js"));
  const openHelp = () => setHelp(true);
  useDrawn(name, isReady);
  usePageKeys(isReady, (key) => (key === "?" ? openHelp : openPage(key, pages) ?? choosePeriod(key, setPeriod) ?? find?.(key)));
  return html`<${Sidebar} pages=${pages} current=${name} isOpen=${isDrawerOpen} close=${() => setDrawer(false)}
    openHelp=${openHelp} />
    <main id="main" class="main" tabindex="-1" inert=${isDrawerOpen}>
      <div class="head"><${DrawerButton} open=${() => setDrawer(true)} /><${SiteMenu} />${live}<span class="push">
        </span>${tools}</div>
      <div class="page-head">${back}<h1 class="page-title">${title}</h1>${intro && html`<p class="page-intro">${intro}</p>`}
        </div>
      ${children}
    </main>
    ${isHelpOpen && help && html`<${help.default} pages=${pages} hasPeriods=${Boolean(setPeriod)}
      close=${() => setHelp(false)} />`}`;
}

/** Marks the document while the page is drawn with data. @param {string} name @param {boolean} isReady */
function useDrawn(name, isReady) {
  useEffect(() => {
    if (!isReady) return undefined;
    // After the frame that shows it.
    const frame = requestAnimationFrame(() => setTimeout(() => (root.dataset.drawn = name)));
    return () => {
      cancelAnimationFrame(frame);
      delete root.dataset.drawn;
    };
  }, [isReady]);
}

/** The keys of the page, once it is drawn. @param {boolean} isReady @param {(key: string) => (() => void) | undefined} find */
function usePageKeys(isReady, find) {
  const current = useRef(find);
  current.current = find;
  const isListening = useRef(false);
  isListening.current ||= isReady;
  useEffect(() => {
    if (!isListening.current) return undefined;
    let stop = () => {};
    let isLeft = false;
    import("../app/keys.js").then((keys) => {
      if (!isLeft) stop = keys.listen((key) => current.current(key));
    }, () => {});
    return () => {
      isLeft = true;
      stop();
    };
  }, [isListening.current]);
}

/** G and a page's key open that page. @param {string} key @param {PageEntry[]} pages @returns {(() => void) | undefined} */
function openPage(key, pages) {
  if (key === "g s" && !SHARED) return () => location.assign("/");
  const page = pages.find((one) => "g " + one.key.toLowerCase() === key);
  return page && (() => location.assign(pageAddress(page)));
}

/** @param {string} key @param {((period: string) => void) | undefined} setPeriod @returns {(() => void) | undefined} */
function choosePeriod(key, setPeriod) {
  const preset = setPeriod && PRESETS.find((one) => one.key.toLowerCase() === key);
  return preset && (() => setPeriod(preset.name));
}

/** What went wrong, and what may be done about it. @param {{ error: Failure | null, retry?: () => void }} props */
export function Problem({ error, retry }) {
  if (!error) return null;
  return html`<div class="card alert" role="alert">
    <div>${error.status ? error.message : html`<b>${t("offline")}</b><div>${error.message}</div>`}</div>
    ${retry && html`<button class="btn" onClick=${retry}>${t("tryAgain")}</button>`}
  </div>`;
}

/** An error of a request as a page shows it. @param {any} error @returns {Failure} */
export const described = (error) => (error.status ? error : { message: navigator.onLine ? String(error.message) : "" });
