// A site's overview: key figures, the chart, lists and busiest hours, all from one request.
import { html, useCallback, useEffect, useRef, useState } from "../vendor/preact.js";
import { address, get, overviewPath, useModule, useReport } from "../app/api.js";
import { MEASURES, at, duration, range } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { PRESETS, SHARED, SITE, ZONE, daysOf, isShown, may, periodOf, reportQuery, shift, today, unitOf, useAddress } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { LineChart } from "../charts/line.js";
import { CompareMenu, PeriodMenu } from "../parts/dates.js";
import { Chips, FilterMenu, toggleValue } from "../parts/filters.js";
import { Kpis } from "../parts/kpis.js";
import { Panel } from "../parts/panel.js";
import { PaperHead } from "../parts/paper_head.js";
import { Empty } from "../parts/rows.js";
import { DrawerButton, Sidebar, SiteMenu, pageAddress } from "../parts/sidebar.js";
import { UnitSwitch, ViewSwitch } from "../parts/switches.js";

await addWords(() => import("../app/words_overview.js"), () => import("../app/words_overview_de.js"));

const root = document.documentElement;
/** Not needed to draw the page, but soon after. Without them the page works by mouse and Tab. */
const shortcuts = import("../app/keys.js").catch(() => null);
/** A period that is running is read again so often, while it is seen. */
const REFRESH_MS = 60_000;

/** @param {string} name @param {string} dimension @param {Measure} measure @param {Tab["kind"]} [kind] @returns {Tab} */
const tab = (name, dimension, measure, kind) => ({ name, dimension, measure, kind });

/** @type {{ name: Word, tabs: Tab[], more?: Tab[] }[]} */
const PANELS = [
  {
    name: "pages",
    tabs: [
      tab("topPages", "path", "visitors"),
      tab("entryPages", "entry_path", "visits"),
      tab("exitPages", "exit_path", "visits"),
    ],
  },
  {
    name: "sources",
    tabs: [
      tab("channels", "channel", "visits"),
      tab("sources", "source", "visits"),
      tab("referrers", "referrer", "visits"),
      tab("campaigns", "utm_campaign", "visits"),
    ],
    more: ["utm_source", "utm_medium", "utm_term", "utm_content"].map((one) => tab(one, one, "visits")),
  },
  {
    name: "locations",
    tabs: [
      tab("map", "country", "visitors", "map"),
      tab("countries", "country", "visitors"),
      tab("regions", "region", "visitors"),
      tab("cities", "city", "visitors"),
    ],
  },
  {
    name: "devices",
    tabs: [tab("browsers", "browser", "visitors"), tab("systems", "os", "visitors"), tab("devices", "device", "visitors")],
    more: [tab("screens", "screen", "visitors"), tab("languages", "language", "visitors")],
  },
  { name: "goalsAndEvents", tabs: [tab("goals", "goals", "visitors", "goals"), tab("customEvents", "type", "events")] },
];
for (const panel of PANELS) panel.tabs = panel.tabs.filter((one) => isShown(one.dimension));

/** @param {{ pages: PageEntry[] }} props */
export default function OverviewPage({ pages }) {
  const [state, go] = useAddress();
  const [opened, setOpened] = useState(/** @type {Opened | null} */ (null));
  const [isDrawerOpen, setDrawer] = useState(false);
  /** @type {Report<Overview>} */
  const report = useReport(overviewPath(state));
  const { data, isBusy, error } = report;
  const isDrawn = useDrawn("overview", data !== null && !isBusy);
  const [notes, reloadNotes] = useNotes(state, isDrawn);
  const [said, say] = useState(/** @type {Said | null} */ (null));
  /** @type {Choose} */
  const choose = useCallback((field, value) => go({ filter: toggleValue(state.filter, field, value) }), [state.filter]);
  useRefresh(data, error !== null, report.retry);
  useShortcuts({ state, go, pages, open: setOpened });
  const isStale = isBusy && data !== null;
  const hasEvents = useHasEvents(data !== null && isEmpty(data));
  return html`<${Sidebar} pages=${pages} current="overview" isOpen=${isDrawerOpen} close=${() => setDrawer(false)}
    openHelp=${() => setOpened({ kind: "help" })} />
    <main id="main" class="main" tabindex="-1" inert=${isDrawerOpen}>
      ${data && html`<${PaperHead} data=${data} state=${state} />`}
      <${Head} state=${state} go=${go} isDrawn=${isDrawn} openDrawer=${() => setDrawer(true)} open=${setOpened} />
      <${Alert} error=${error} data=${data} retry=${report.retry} go=${go} />
      <${Chips} state=${state} go=${go} edit=${(/** @type {number} */ index) => setOpened({ kind: "filter", index })} />
      <section class=${"card hero" + (isStale ? " busy" : "")} aria-label=${t("overview")}>
        <${Kpis} data=${data} metric=${state.metric} choose=${(/** @type {string} */ metric) => go({ metric }, true)} />
        <${Plot} data=${data} state=${state} go=${go} notes=${notes} hasEvents=${hasEvents} open=${setOpened} />
      </section>
      ${!(data && isEmpty(data)) && html`<div class="panels">
        ${PANELS.map((one) => html`<${Panel} key=${one.name} ...${one} data=${data} isBusy=${isStale} state=${state}
          choose=${choose}
          open=${(/** @type {Tab} */ chosen) => setOpened({ kind: "details", tab: chosen })} />`)}
        <${BusiestHours} data=${data} isBusy=${isStale} />
      </div>`}
      ${data && html`<${Freshness} data=${data} took=${report.took} />`}
    </main>
    <${Dialogs} opened=${opened} state=${state} go=${go} pages=${pages} choose=${choose} close=${() => setOpened(null)}
      reloadNotes=${reloadNotes} say=${say} />
    <${Said} said=${said} close=${() => say(null)} />`;
}

/** Marks the document once the page is drawn with data, and while it is. @param {string} name @param {boolean} isReady */
function useDrawn(name, isReady) {
  const [isDrawn, setDrawn] = useState(false);
  useEffect(() => {
    if (!isReady) return undefined;
    let isCurrent = true;
    const mark = () => {
      if (!isCurrent) return;
      root.dataset.drawn = name;
      setDrawn(true);
    };
    // After the frame that shows it, and when keys work.
    requestAnimationFrame(() => setTimeout(() => shortcuts.then(mark)));
    return () => {
      isCurrent = false;
      delete root.dataset.drawn;
    };
  }, [isReady]);
  return isDrawn;
}

/** Reads a period that is still running again from time to time, and after a failure when the network is back.
 * @param {Overview | null} data @param {boolean} isFailed @param {() => void} retry */
function useRefresh(data, isFailed, retry) {
  useEffect(() => {
    if (!isFailed) return undefined;
    addEventListener("online", retry);
    return () => removeEventListener("online", retry);
  }, [isFailed]);
  useEffect(() => {
    if (!data || Date.parse(data.meta.to) < Date.now()) return undefined;
    const timer = setTimeout(() => !document.hidden && retry(), REFRESH_MS);
    const seen = () => !document.hidden && Date.now() - Date.parse(data.meta.computed_at) > REFRESH_MS && retry();
    document.addEventListener("visibilitychange", seen);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [data]);
}

/** @param {OverviewContext} page */
function useShortcuts(page) {
  const current = useRef(page);
  current.current = page;
  useEffect(() => {
    shortcuts.then((keys) => keys?.listen((key) => shortcut(key, current.current)));
  }, []);
}

/** @param {string} key @param {OverviewContext} page @returns {(() => void) | undefined} */
function shortcut(key, { state, go, pages, open }) {
  const preset = PRESETS.find((one) => one.key.toLowerCase() === key);
  if (preset) return () => go({ period: preset.name, unit: "" });
  const page = pages.find((one) => "g " + one.key.toLowerCase() === key);
  if (page) return () => location.assign(pageAddress(page));
  /** @type {Record<string, () => void>} */
  const others = {
    c: () => go({ compare: state.compare === "none" ? "previous" : "none" }),
    "/": () => open({ kind: "filter", index: null }),
    "?": () => open({ kind: "help" }),
    ...(may("write") && { n: () => open({ kind: "notes", day: daysOf(state)[1], notes: [] }) }),
    ...(!SHARED && { "g s": () => location.assign("/") }),
  };
  return key === "escape" && state.filter ? () => go({ filter: "" }) : others[key];
}

/** @param {{ state: State, go: Go, isDrawn: boolean, openDrawer: () => void, open: (what: Opened) => void }} props */
function Head({ state, go, isDrawn, openDrawer, open }) {
  const live = useModule(isDrawn, () => import("../parts/live.js"));
  return html`<div class="head">
    <${DrawerButton} open=${openDrawer} />
    <h1 class="vh">${root.dataset.name}: ${t("overview")}</h1>
    <${SiteMenu} />
    ${live ? html`<${live.LiveCount} />` : html`<span class="live"><span class="pulse off"></span>${t("live")}</span>`}
    <div class="head-tools">
      <${FilterMenu} state=${state} go=${go} add=${() => open({ kind: "filter", index: null })}
        save=${() => open({ kind: "segment" })} />
      <${CompareMenu} state=${state} go=${go} />
      <${PeriodMenu} state=${state} go=${go} />
      ${may("admin") && html`<button class="btn" title=${t("shareSite")} onClick=${() => open({ kind: "share" })}>
        <${Icon} name="share" /><span class="short">${t("shareSite")}</span></button>`}
    </div>
  </div>`;
}

/** What went wrong, of when the figures below are, and what may be done about it.
 * @param {{ error: Failure | null, data: Overview | null, retry: () => void, go: Go }} props */
function Alert({ error, data, retry, go }) {
  if (!error) return null;
  const { days } = error;
  const shorten = () => go({ period: "custom", from: shift(today(), 1 - Number(days)), to: today(), unit: "" });
  return html`<div class="card alert" role="alert">
    <div><b>${t(error.status ? "problem" : "offline")}</b><div>${error.message}</div>
      ${data && html`<div class="num">${t("shownAsOf", { period: range(data.meta.from, data.meta.to),
        time: at(data.meta.computed_at) })}</div>`}</div>
    ${days && html`<button class="btn" onClick=${shorten}>${t("lastDays", { n: days }, days)}</button>`}
    <button class="btn" onClick=${retry}>${t("tryAgain")}</button>
  </div>`;
}

/** @param {{ data: Overview | null, state: State, go: Go, notes: DayNote[], hasEvents: boolean,
 *   open: (what: Opened) => void }} props */
function Plot({ data, state, go, notes, hasEvents, open }) {
  const metric = /** @type {Measure} */ (state.metric);
  const marks = useModule(notes.length > 0, () => import("../charts/notes.js"));
  const table = useModule(state.view === "table", () => import("../charts/points.js"));
  if (!data) return html`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>`;
  const name = t(/** @type {Word} */ (metric));
  const unit = data.granularity;
  const unitName = t(/** @type {Word} */ (unit + "Unit"));
  const label = t("chartLabel", { measure: name, unit: unitName, value: MEASURES[metric].long(data[metric]) });
  const now = Date.parse(data.meta.computed_at);
  const shared = { points: data.series, before: data.previous?.series, metric, unit, label, now };
  /** @param {Point} first @param {Point} last */
  const zoom = (first, last) => {
    const to = unit === "hour" ? last.date : shift(last.to.slice(0, 10), -1);
    // A single day is not made smaller.
    if (first.date !== to || data.series[0].date !== to) go({ period: "custom", from: first.date, to, unit: "" });
  };
  const annotate = may("write") ? (/** @type {string} */ day) => open({ kind: "notes", day, notes: [] }) : undefined;
  const openNotes = (/** @type {DayNote[]} */ some) => open({ kind: "notes", day: some[0].day, notes: some });
  return html`<div class="plot">
    <div class="plot-head">
      <span class="legend"><span class="key"></span>${name}, ${range(data.meta.from, data.meta.to)}</span>
      ${data.previous && html`<span class="legend"><span class="key before"></span>
        ${range(data.previous.from, data.previous.to)}</span>`}
      <span class="grow"></span>
      <span class="tools"><${UnitSwitch} state=${state} go=${go} /><${ViewSwitch} state=${state} go=${go} />
        ${annotate && html`<button class="iconbtn" aria-label=${t("addNote")} title=${t("addNote") + " (N)"}
          onClick=${() => annotate(daysOf(state)[1])}><${Icon} name="note" /></button>`}
        ${!SHARED && html`<a class="iconbtn" href=${csvAddress(state)} download title=${t("csv")} aria-label=${t("csv")}>
          <${Icon} name="download" /></a>`}</span>
    </div>
    ${isEmpty(data)
      ? html`<${EmptyPeriod} state=${state} go=${go} hasEvents=${hasEvents} />`
      : state.view === "table" && table
        ? html`<${table.PointTable} ...${shared} />`
        : html`<${LineChart} ...${shared} notes=${notes} zoom=${zoom} annotate=${annotate}
          Marks=${marks?.NoteMarks} openNotes=${openNotes} />`}
  </div>`;
}

/** @param {State} state */
function csvAddress(state) {
  const query = reportQuery(state);
  query.set("granularity", unitOf(state));
  return address("reports/timeseries?" + query + "&format=csv");
}

/** The notes on the days of the period, asked for when the page stands, and how to ask again.
 * @param {State} state @param {boolean} isDrawn @returns {[DayNote[], () => void]} */
function useNotes(state, isDrawn) {
  const [changes, setChanges] = useState(0);
  const [notes, setNotes] = useState(/** @type {DayNote[]} */ ([]));
  const query = reportQuery(state, "").toString();
  useEffect(() => {
    if (!isDrawn || SHARED) return undefined;
    const abort = new AbortController();
    get("notes?" + query, abort.signal).then((found) => setNotes(found.notes), () => {});
    return () => abort.abort();
  }, [isDrawn, query, changes]);
  return [notes, useCallback(() => setChanges((n) => n + 1), [])];
}

/** @param {Overview} data */
const isEmpty = (data) => !data.page_views && !data.events;

/** Whether the site ever had an event, asked only where the period has none. @param {boolean} isWanted */
function useHasEvents(isWanted) {
  const [hasEvents, setHasEvents] = useState(true);
  useEffect(() => {
    if (!isWanted || SHARED) return setHasEvents(true);
    /** @param {{ sites: SiteRow[] }} me */
    const read = (me) => setHasEvents(me.sites.find((one) => one.key === SITE)?.first_event_at !== null);
    get("me").then(read, () => {});
    return undefined;
  }, [isWanted]);
  return hasEvents;
}

/** Says why there is nothing, and offers what may have something.
 * @param {{ state: State, go: Go, hasEvents: boolean }} props */
function EmptyPeriod({ state, go, hasEvents }) {
  if (!hasEvents) return html`<${Empty} title=${t("emptySite")}>${t("emptySiteText")}<div>
    <a class="btn" href=${`/sites/${encodeURIComponent(SITE)}/start`}>${t("install")}</a></div><//>`;
  if (state.filter) return html`<${Empty} title=${t("emptyFiltered")}><button class="btn"
    onClick=${() => go({ filter: "" })}>${t("clearFilters")}</button><//>`;
  const longer = PRESETS.find((one) => Number(one.query(today()).days) > periodOf(state)[1]) ?? PRESETS[PRESETS.length - 1];
  return html`<${Empty} title=${t("emptyTitle")}>${t("emptyText")}<div><button class="btn"
    onClick=${() => go({ period: longer.name, unit: "" })}>${t(longer.name)}</button></div><//>`;
}

/** @param {{ data: Overview | null, isBusy: boolean }} props */
function BusiestHours({ data, isBusy }) {
  const heat = useModule(data !== null, () => import("../charts/heat.js"));
  return html`<section class=${"card panel" + (isBusy ? " busy" : "")} aria-label=${t("busiestHours")}>
    <div class="tabs"><h2 class="tab on">${t("busiestHours")}</h2></div>
    ${heat && data ? html`<${heat.Heat} cells=${data.busiest_hours.page_views} zone=${ZONE} />` : html`<div
      class="skeleton map-sk"></div><div class="panel-foot"></div>`}
  </section>`;
}

/** @param {{ data: Overview, took: number }} props */
function Freshness({ data, took }) {
  const { meta } = data;
  return html`<footer class="fresh">
    ${meta.complete_through && html`<span class="num">${t("completeThrough", { time: at(meta.complete_through) })}</span>`}
    <span>${t("zone", { zone: meta.zone })}</span>
    <span>${t(meta.source === "raw" ? "raw" : "rollup")}</span>
    <span class="num">${t("took", { time: took < 1000 ? `${Math.round(took)} ms` : duration(took / 1000) })}</span>
    <span>${t("distinct")}</span>
  </footer>`;
}

/** What the page says, for screen readers too. @param {{ said: Said | null, close: () => void }} props */
function Said({ said, close }) {
  const toast = useModule(said !== null, () => import("../parts/toast.js"));
  return html`<div class="toasts" role="status">${said && toast && html`<${toast.Toast} said=${said} close=${close} />`}
    </div>`;
}

/** The dialogs, each loaded when it is first opened. @param {DialogsProps} props */
function Dialogs({ opened, state, go, pages, choose, close, reloadNotes, say }) {
  const kind = opened?.kind;
  const details = useModule(kind === "details", () => import("../parts/details.js"));
  const filter = useModule(kind === "filter" || kind === "segment", () => import("../parts/filter_dialog.js"));
  const help = useModule(kind === "help", () => import("../parts/help.js"));
  const share = useModule(kind === "share", () => import("../parts/share_dialog.js"));
  const notes = useModule(kind === "notes", () => import("../parts/notes.js"));
  if (opened?.kind === "share" && share) return html`<${share.default} close=${close} />`;
  if (opened?.kind === "details" && details) return html`<${details.default} tab=${opened.tab} state=${state}
    choose=${choose} close=${close} />`;
  if (opened?.kind === "filter" && filter) return html`<${filter.default} state=${state} go=${go} index=${opened.index}
    close=${close} />`;
  if (opened?.kind === "segment" && filter) return html`<${filter.SegmentDialog} state=${state} go=${go} close=${close} />`;
  if (opened?.kind === "notes" && notes) return html`<${notes.default} ...${opened} reload=${reloadNotes} say=${say}
    close=${close} />`;
  return opened?.kind === "help" && help ? html`<${help.default} pages=${pages} hasPeriods=${true}
    hasFilters=${true} close=${close} />` : null;
}
