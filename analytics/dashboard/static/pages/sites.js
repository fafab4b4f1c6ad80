// All sites that the reader may see, as cards: visitors of four weeks, the change, who is online.
import { html, useEffect, useState } from "../vendor/preact.js";
import { SITES_PATH, useReport } from "../app/api.js";
import { count, exact } from "../app/format.js";
import { t } from "../app/words.js";
import { SparkLine } from "../charts/spark.js";
import { Delta } from "../parts/delta.js";
import { Avatar, DrawerButton, Sidebar } from "../parts/sidebar.js";

export default function SitesPage() {
  const [isDrawerOpen, setDrawer] = useState(false);
  /** @type {Report<{ sites: SiteRow[] }>} */
  const { data, isBusy, error, retry } = useReport(SITES_PATH);
  useEffect(() => {
    if (data && !isBusy) requestAnimationFrame(() => (document.documentElement.dataset.drawn = "sites"));
  }, [data, isBusy]);
  return html`<${Sidebar} current="sites" isOpen=${isDrawerOpen} close=${() => setDrawer(false)} />
    <main id="main" class="main" tabindex="-1" inert=${isDrawerOpen}>
      <div class="head"><${DrawerButton} open=${() => setDrawer(true)} /><h1 class="title">${t("skipSites")}</h1></div>
      ${error && html`<div class="card alert" role="alert"><div><b>${t(error.status ? "problem" : "offline")}</b>
        <div>${error.message}</div></div>
        <button class="btn" onClick=${retry}>${t("tryAgain")}</button></div>`}
      ${data && !data.sites.length && html`<div class="card empty"><b>${t("noSites")}</b>
        <div>${t("noSitesText")}</div></div>`}
      <div class="sites">
        ${data?.sites.map((site) => html`<${SiteCard} key=${site.key} site=${site} />`)}
        ${!data && [1, 2, 3].map((n) => html`<div key=${n} class="card site-card"><div class="skeleton site-sk"></div></div>`)}
      </div>
    </main>`;
}

/** @param {{ site: SiteRow }} props */
function SiteCard({ site }) {
  const address = "/sites/" + encodeURIComponent(site.key) + (site.first_event_at ? "" : "/start");
  return html`<a class="card site-card" href=${address}>
    <div class="card-head"><${Avatar} name=${site.name} /><b>${site.name}</b>
      <span class="live"><span class=${site.online ? "pulse" : "pulse off"}></span><b class="num">${exact(site.online)}</b>
        <span class="vh">${t("online", {}, site.online)}</span></span></div>
    <${SparkLine} values=${site.spark} />
    <div class="card-foot">
      <span class="kpi-value" title=${exact(site.visitors)}>${count(site.visitors)}</span>
      ${site.change?.visitors != null && html`<${Delta} change=${site.change.visitors} good=${1} />`}
      <span class="kpi-label">${site.first_event_at ? `${t("visitors")}, ${t("28d")}` : t("emptySite")}</span></div>
  </a>`;
}
