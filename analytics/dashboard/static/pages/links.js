// The clicks of short links: the most clicked, those that grow, and one link's page. Clicks are events of the type
// click.
import { html, useEffect, useState } from "../vendor/preact.js";
import { useReport } from "../app/api.js";
import { DASH, bucket, count, exact, label, percent, share } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { SITE, periodOf, readState, writeState } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { Columns } from "../charts/columns.js";
import { PeriodMenu } from "../parts/dates.js";
import { Frame, Problem } from "../parts/frame.js";
import { Empty } from "../parts/rows.js";
import { Figure, Ranking } from "../parts/ranking.js";

await addWords(() => import("../app/words_links.js"), () => import("../app/words_links_de.js"));

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ name: string, count: number }} Named */
/** @typedef {{ total_clicks: number, unique_visitors: number, clicks_today: number, clicks_this_week: number,
 *   top_urls: { short_code: string, clicks: number }[],
 *   trending: { short_code: string, clicks: number, previous: number, change: number }[], meta: Meta }} AllLinks */
/** @typedef {{ short_code: string, total_clicks: number, unique_clicks: number, clicks_today: number,
 *   clicks_this_week: number, clicks_this_month: number,
 *   impressions: number, click_through_rate: number | null, click_timeline: { date: string, clicks: number }[],
 *   peak_hours: { hour: number, clicks: number }[],
 *   direct_vs_referred: { direct: number, referred: number }, top_countries: Named[], top_regions: Named[],
 *   top_cities?: Named[], top_referers: Named[],
 *   top_browsers: Named[], top_devices: Named[], top_os: Named[] }} OneLink */

const MANY = 25;
const FEW = 10;
/** The routes of links lie beside /api/analytics/, not behind it; a browser resolves the dots. */
const ROOT = "../../analytics/";

/** @param {{ pages: PageEntry[] }} props */
export default function LinksPage({ pages }) {
  const { state, code, go, open } = useLinkAddress();
  const query = new URLSearchParams({ site: SITE, ...periodOf(state)[0], limit: String(code ? FEW : MANY) });
  /** @type {Report<any>} */
  const report = useReport(ROOT + (code ? `stats/${encodeURIComponent(code)}` : "global") + "?" + query);
  // While the other kind of page loads, the report is still that of this one.
  const data = report.data && ("short_code" in report.data ? report.data.short_code === code : !code) ? report.data
    : null;
  const isBusy = report.isBusy && data !== null;
  const intro = code ? undefined : t("linksIntro");
  return html`<${Frame} pages=${pages} name="links" title=${code || t("linksPage")} intro=${intro}
    isReady=${data !== null && !report.isBusy}
    tools=${html`<${PeriodMenu} state=${state} go=${go} />`}
    setPeriod=${(/** @type {string} */ period) => go({ period, unit: "" })}
    back=${code && html`<button class="text-btn back" onClick=${() => open("")}><${Icon} name="back"
      size="14" />${t("allLinks")}</button>`}>
    <${Problem} error=${report.error} retry=${report.retry} />
    ${code ? html`<${OnePage} data=${data} isBusy=${isBusy} />` : html`<${AllPage} data=${data} isBusy=${isBusy}
      open=${open} />`}
  <//>`;
}

/** The period and the link of the address. */
function useLinkAddress() {
  const read = () => ({ state: readState(location.search),
    code: new URLSearchParams(location.search).get("code") ?? "" });
  const [address, setAddress] = useState(read);
  useEffect(() => {
    const onBack = () => setAddress(read());
    addEventListener("popstate", onBack);
    return () => removeEventListener("popstate", onBack);
  }, []);
  /** @param {State} state @param {string} code */
  const show = (state, code) => {
    const path = writeState(state);
    history.pushState(null, "", code ? `${path}${path.includes("?") ? "&" : "?"}code=${encodeURIComponent(code)}`
      : path);
    setAddress(read());
  };
  /** @type {Go} */
  const go = (change) => show({ ...address.state, ...change }, address.code);
  const open = (/** @type {string} */ code) => {
    show(address.state, code);
    scrollTo(0, 0);
  };
  return { ...address, go, open };
}

/** @param {{ data: AllLinks | null, isBusy: boolean, open: (code: string) => void }} props */
function AllPage({ data, isBusy, open }) {
  const value = (/** @type {number | undefined} */ n) => (n === undefined ? DASH : count(n));
  if (data && !data.total_clicks && !data.trending.length) {
    return html`<div class="card"><${Empty} title=${t("noClicks")}>${t("noClicksText")}<//></div>`;
  }
  return html`<section class=${"card hero" + (isBusy ? " busy" : "")} aria-label=${t("linksPage")}><div
    class="kpis four alone">
      <${Figure} name=${t("clicks")} value=${value(data?.total_clicks)} title=${exact(data?.total_clicks)}
        foot=${t("inPeriod")} />
      <${Figure} name=${t("clickers")} value=${value(data?.unique_visitors)} title=${exact(data?.unique_visitors)}
        foot=${t("inPeriod")} />
      <${Figure} name=${t("clicks")} value=${value(data?.clicks_today)} title=${exact(data?.clicks_today)}
        foot=${t("day")} />
      <${Figure} name=${t("clicks")} value=${value(data?.clicks_this_week)} title=${exact(data?.clicks_this_week)}
        foot=${t("thisWeek")} />
    </div></section>
    <${Finder} data=${data} open=${open} />
    <div class="panels">
      <${Ranking} title=${t("topLinks")} name=${t("src")} column=${t("clicks")} second=${t("share")}
        empty=${t("nothingText")} isBusy=${isBusy} rows=${data && data.top_urls.map((row) => ({
        key: row.short_code, text: row.short_code, value: row.clicks, second: share(row.clicks / Math.max(1,
          data.total_clicks)), open: () => open(row.short_code), title: t("openLink", { name: row.short_code }),
      }))} />
      <${Ranking} title=${t("trending")} name=${t("src")} column=${t("last7")} second=${t("before7")}
        empty=${t("noTrend")} isBusy=${isBusy} rows=${data && data.trending.map((row) => ({
        key: row.short_code, text: row.short_code, value: row.clicks,
          second: `${exact(row.previous)} (+${exact(row.change)})`, open: () => open(row.short_code),
          title: t("openLink", { name: row.short_code }),
      }))} />
    </div>`;
}

/** Opens the page of any link. @param {{ data: AllLinks | null, open: (code: string) => void }} props */
function Finder({ data, open }) {
  /** @param {any} event */
  const find = (event) => {
    event.preventDefault();
    const code = String(new FormData(event.target).get("code")).trim();
    if (code) open(code);
  };
  return html`<form class="line-form finder" role="search" onSubmit=${find}>
    <label class="field">${t("findLink")}<input name="code" list="codes" autocomplete="off" required maxlength="512" />
      </label>
    <datalist id="codes">${data?.top_urls.map((row) => html`<option key=${row.short_code} value=${row.short_code} />`)}
      </datalist>
    <button class="btn">${t("show")}</button></form>`;
}

/** @param {{ data: OneLink | null, isBusy: boolean }} props */
function OnePage({ data, isBusy }) {
  const value = (/** @type {number | undefined} */ n) => (n === undefined ? DASH : count(n));
  return html`<section class=${"card hero" + (isBusy ? " busy" : "")} aria-label=${t("clicks")}>
      <div class="kpis">
        <${Figure} name=${t("clicks")} value=${value(data?.total_clicks)} title=${exact(data?.total_clicks)}
          foot=${t("inPeriod")} />
        <${Figure} name=${t("clickers")} value=${value(data?.unique_clicks)} title=${exact(data?.unique_clicks)}
          foot=${t("inPeriod")} />
        <${Figure} name=${t("clicks")} value=${value(data?.clicks_today)} title=${exact(data?.clicks_today)}
          foot=${t("day")} />
        <${Figure} name=${t("clicks")} value=${value(data?.clicks_this_month)} title=${exact(data?.clicks_this_month)}
          foot=${t("month")} />
        <${Figure} name=${t("impressions")} value=${value(data?.impressions)} title=${exact(data?.impressions)}
          foot=${t("inPeriod")} />
        <${Figure} name=${t("clickRate")} value=${percent(data?.click_through_rate)} foot=${t("clickRateText")} />
      </div>
      ${data ? html`<${Timeline} data=${data} />` : html`<div class="skeleton columns-sk"></div>`}
    </section>
    <div class="panels">
      <section class=${"card panel" + (isBusy ? " busy" : "")} aria-label=${t("hoursTitle")}><div class="tabs"><h2
        class="tab on">${t("hoursTitle")}</h2></div>
        ${data ? html`<div class="pad hours"><${Columns} values=${data.peak_hours.map((one) => one.clicks)}
          height=${200} label=${t("hoursLabel")} marks=${["00:00", "12:00", "23:00"]}
          describe=${(/** @type {number} */ index) => t("columnText",
            { name: `${String(data.peak_hours[index].hour).padStart(2, "0")}:00`,
            n: exact(data.peak_hours[index].clicks) }, data.peak_hours[index].clicks)} />
          <${Direct} counts=${data.direct_vs_referred} /></div>` : html`<div class="skeleton map-sk"></div>`}</section>
      ${LISTS.map(([list, title, name]) => data && !isKnown(data[list]) ? null : html`<${Ranking} key=${list} title=${t(title)}
        name=${t(name)} column=${t("clicks")} isBusy=${isBusy} empty=${t("nothingText")}
        rows=${data && (data[list] ?? []).map((row) => ({ key: row.name, ...shown(list, row.name),
          value: row.count }))} />`)}
    </div>`;
}

/** @typedef {"top_referers" | "top_countries" | "top_regions" | "top_cities" | "top_browsers" | "top_os"
 *   | "top_devices"} ListName */
/** @type {[ListName, Word, Word][]} */
const LISTS = [
  ["top_referers", "sources", "source"], ["top_countries", "countries", "country"], ["top_regions", "regions",
    "region"], ["top_cities", "cities", "city"],
  ["top_browsers", "browsers", "browser"], ["top_os", "systems", "os"], ["top_devices", "devices", "device"],
];

/** Whether a list says anything: of most services nobody knows regions and cities. @param {Named[] | undefined} rows */
const isKnown = (rows) => rows !== undefined && (rows.length !== 1 || rows[0].name !== "Unknown");

/** The report calls what is not known by a word. @param {string} list @param {string} name */
function shown(list, name) {
  if (name === "Unknown") return { text: t("unknown") };
  if (list === "top_referers" && name === "Direct") return { text: t("direct") };
  if (list === "top_countries") return { text: label("country", name), flag: /^[A-Z]{2}$/.test(name) ? name
    : undefined };
  return { text: list === "top_devices" ? label("device", name) : name };
}

/** @param {{ data: OneLink }} props */
function Timeline({ data }) {
  const days = data.click_timeline;
  if (!data.total_clicks) return html`<${Empty} title=${t("noClicks")}>${t("noClicksLink")}<//>`;
  const name = (/** @type {number} */ index) => bucket(days[index].date + "T12:00:00Z", "day");
  const describe = (/** @type {number} */ index) =>
    t("columnText", { name: name(index), n: exact(days[index].clicks) }, days[index].clicks);
  const middle = Math.floor(days.length / 2);
  return html`<div class="plot"><div class="plot-head">${t("clicksByDay", { n: days.length }, days.length)}</div>
    <${Columns} values=${days.map((one) => one.clicks)} height=${180}
      label=${t("clicksLabel", { n: exact(data.total_clicks) })} marks=${[name(0), days.length > 2 ? name(middle) : "",
      name(days.length - 1)]}
      describe=${describe} /></div>`;
}

/** @param {{ counts: { direct: number, referred: number } }} props */
function Direct({ counts }) {
  const all = counts.direct + counts.referred;
  if (!all) return null;
  return html`<div class="direct"><div class="direct-bar" aria-hidden="true"><span
    style=${{ "--w": (counts.direct / all) * 100 + "%" }}></span></div>
    <div class="job-facts num"><span>${t("direct")}: ${exact(counts.direct)} (${share(counts.direct / all)})</span>
      <span>${t("referred")}: ${exact(counts.referred)} (${share(counts.referred / all)})</span></div></div>`;
}
