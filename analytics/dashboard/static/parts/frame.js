// The frame of a site's page beside the overview: side bar, head, title; the keys that open other pages.
import { html, useEffect, useState } from "../vendor/preact.js";
import { addWords, language, t } from "../app/words.js";
import { DrawerButton, Sidebar, SiteMenu, pageAddress } from "./sidebar.js";

const root = document.documentElement;
// A page that imports this module waits for its words.
addWords(await (language === "de" ? import("../app/words_pages_de.js").then((words) => words.de)
  : import("../app/words_pages.js").then((words) => words.en)));

/** `live`: what stands beside the site's name, `tools`: at the end of the head. `isReady`: the page shows its data.
 * @param {{ pages: PageEntry[], name: string, title: string, intro?: string, live?: unknown, tools?: unknown,
 *   isReady: boolean, children: unknown }} props */
export function Frame({ pages, name, title, intro, live, tools, isReady, children }) {
  const [isDrawerOpen, setDrawer] = useState(false);
  useDrawn(name, isReady);
  usePageKeys(pages, isReady);
  return html`<${Sidebar} pages=${pages} current=${name} isOpen=${isDrawerOpen} close=${() => setDrawer(false)} />
    <main id="main" class="main" tabindex="-1">
      <div class="head"><${DrawerButton} open=${() => setDrawer(true)} /><${SiteMenu} />${live}<span class="push">
        </span>${tools}</div>
      <div class="page-head"><h1 class="page-title">${title}</h1>${intro && html`<p class="page-intro">${intro}</p>`}
        </div>
      ${children}
    </main>`;
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

/** G and a page's key open that page. @param {PageEntry[]} pages @param {boolean} isReady */
function usePageKeys(pages, isReady) {
  useEffect(() => {
    if (!isReady) return undefined;
    let stop = () => {};
    let isLeft = false;
    import("../app/keys.js").then((keys) => {
      if (!isLeft) stop = keys.listen((key) => open(key, pages));
    }, () => {});
    return () => {
      isLeft = true;
      stop();
    };
  }, [isReady]);
}

/** @param {string} key @param {PageEntry[]} pages @returns {(() => void) | undefined} */
function open(key, pages) {
  if (key === "g s") return () => location.assign("/");
  const page = pages.find((one) => "g " + one.key.toLowerCase() === key);
  return page && (() => location.assign(pageAddress(page)));
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
