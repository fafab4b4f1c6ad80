// Starts the dashboard: loads the words, finds the page of the address, and draws it. The one list of pages is here.
import { html, render } from "../vendor/preact.js";
import { may } from "./state.js";
import { loadWords, t } from "./words.js";

/** The pages of a site. One more page is one more line, and its module in pages/. @type {PageEntry[]} */
const PAGES = [
  { name: "overview", path: "", icon: "grid", group: "traffic", key: "O" },
  { name: "realtime", path: "realtime", icon: "pulse", group: "traffic", key: "R" },
  { name: "links", path: "links", icon: "link", group: "traffic", key: "L" },
  { name: "events", word: "goalsAndEvents", path: "events", icon: "flag", group: "behaviour", key: "V" },
  { name: "funnels", path: "funnels", icon: "funnel", group: "behaviour", key: "F" },
  { name: "retention", path: "retention", icon: "cohorts", group: "behaviour", key: "C" },
  { name: "journeys", path: "journeys", icon: "journey", group: "behaviour", key: "J" },
  { name: "experiments", path: "experiments", icon: "fork", group: "behaviour", key: "X" },
  { name: "users", path: "users", icon: "people", group: "behaviour", key: "U" },
  { name: "exports", path: "exports", icon: "download", group: "data", key: "E" },
  { name: "samples", path: "samples", icon: "chart", group: "data", key: "M" },
  { name: "operations", path: "operations", icon: "shield", group: "data", key: "P" },
  { name: "settings", path: "settings", icon: "sliders", group: "data", key: "N" },
  { name: "start", path: "start", icon: "code", group: "data", key: "I" },
];

const root = document.documentElement;
/** Those that a reader without an account sees. */
const SHARED_PAGES = ["overview", "realtime"];
const shown = PAGES.filter((one) => (root.dataset.shared ? SHARED_PAGES.includes(one.name) : one.name !== "exports" || may("export")));

async function start() {
  const [{ default: Page }] = await Promise.all([loadPage(), loadWords()]);
  const app = /** @type {Element} */ (document.getElementById("app"));
  app.replaceChildren();
  setTitle();
  keepPlace();
  render(html`<${Page} pages=${shown} />`, app);
}

/** The title of the page in its language. */
function setTitle() {
  const page = PAGES.find((one) => one.name === root.dataset.page);
  const title = t(/** @type {Word} */ (page ? (page.word ?? page.name) : "skipSites"));
  document.title = [root.dataset.name, title, "Analytics"].filter(Boolean).join(" · ");
}

function loadPage() {
  const page = PAGES.find((one) => one.name === root.dataset.page) ?? PAGES[0];
  // Not written out in the import, for which the build would list all pages.
  const address = `../pages/${root.dataset.site ? page.name : "sites"}.js`;
  return import(address);
}

/** The place in the page stands in the step of the history: a browser restores it once a page has loaded, which is before
 * its data has come. */
function keepPlace() {
  const { top } = history.state ?? {};
  addEventListener("scrollend", () => history.replaceState({ ...history.state, top: scrollY }, ""));
  if (!top) return;
  new MutationObserver((_, watch) => {
    if (!root.dataset.drawn) return;
    watch.disconnect();
    if (!scrollY) scrollTo(0, top);
  }).observe(root, { attributeFilter: ["data-drawn"] });
}

// A page that a browser kept whole shows figures to whoever goes back after somebody has signed out.
addEventListener("pageshow", (event) => event.persisted && location.reload());
start();
