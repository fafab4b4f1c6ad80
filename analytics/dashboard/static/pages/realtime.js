// What happens on a site now: who is online, the last half hour, and each event as it is stored.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { get } from "../app/api.js";
import { DASH, at, duration, exact, label } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { SHARED, SITE, may } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { Columns } from "../charts/columns.js";
import { Dialog } from "../parts/dialog.js";
import { useFeed } from "../parts/feed.js";
import { Frame, Problem, described } from "../parts/frame.js";
import { Empty } from "../parts/rows.js";
import { Figure, Ranking } from "../parts/ranking.js";

await addWords(() => import("../app/words_realtime.js"), () => import("../app/words_realtime_de.js"));

/** @typedef {import("../parts/feed.js").LiveEvent} LiveEvent */
/** @typedef {{ views: number, unique: number }} Views */
/** @typedef {{ active_users: number, current_visitors: number, page_views_last_5m: number,
 *   page_views_last_30m: number | null,
 *   page_views_last_60m: number | null, series: (Views & { start: string })[] | null,
 *   top_pages: (Views & { page: string })[],
 *   top_referrers: (Views & { referrer: string })[], top_countries: (Views & { country: string })[],
 *   meta: Meta }} Now */

const ROWS = 10;
/** New events ask for the figures again, at most so often; without them they are asked for as the windows slide. */
const SOONEST_MS = 3000;
const LATEST_MS = 15_000;
/** The feed is said to be behind when its newest event was received so long before it is shown. */
const BEHIND_S = 10;

/** @param {{ pages: PageEntry[] }} props */
export default function RealtimePage({ pages }) {
  const [isPaused, setPaused] = useState(false);
  const [chosen, setChosen] = useState(/** @type {LiveEvent | null} */ (null));
  const feed = useFeed(isPaused || SHARED !== "");
  const { now, error, ask } = useNow(feed.count);
  const online = now?.current_visitors ?? 0;
  const tools = !SHARED && html`<span class="live"><span class=${feed.state === "live" ? "pulse" : "pulse off"}>
    </span>${t(/** @type {any} */ ("feed_" + feed.state))}</span>`;
  return html`<${Frame} pages=${pages} name="realtime" title=${t("realtime")} tools=${tools} isReady=${now !== null}>
    <${Problem} error=${error} retry=${ask} />
    <section class="card hero" aria-label=${t("realtime")}>
      <div class="kpis four">
        <${Figure} name=${t("onlineNow")} value=${now ? exact(online) : DASH} title=${t("onlineTitle")}
          foot=${t("last5")} />
        <${Figure} name=${t("activeUsers")} value=${now ? exact(now.active_users) : DASH} title=${t("activeTitle")}
          foot=${t("last5")} />
        <${Figure} name=${t("page_views")} value=${exact(now?.page_views_last_30m)} foot=${t("last30")} />
        <${Figure} name=${t("page_views")} value=${exact(now?.page_views_last_60m)} foot=${t("last60")} />
      </div>
      <${Minutes} now=${now} />
    </section>
    <div class="panels three">
      <${Ranking} title=${t("pages")} name=${t("path")} column=${t("views")} empty=${t("nothingNow")}
        rows=${now && now.top_pages.map((row) => ranked(row.page, row.page, row))} />
      <${Ranking} title=${t(SHARED ? "sources" : "referrers")} name=${t(SHARED ? "source" : "referrer")} column=${t("views")} empty=${t("nothingNow")}
        rows=${now && now.top_referrers.map((row) => ranked(row.referrer, referrer(row.referrer), row))} />
      <${Ranking} title=${t("countries")} name=${t("country")} column=${t("views")} empty=${t("nothingNow")}
        rows=${now && now.top_countries.map((row) => ({ ...ranked(row.country, country(row.country), row), flag: flagOf(row.country) }))} />
    </div>
    ${!SHARED && html`<${Feed} feed=${feed} now=${now} isPaused=${isPaused} pause=${() => setPaused(!isPaused)}
      choose=${setChosen} />`}
    ${chosen && html`<${EventDialog} event=${chosen} close=${() => setChosen(null)} />`}
  <//>`;
}

/** The figures: asked for again when events come, and as time passes; not while the page is hidden. @param {number}
 *   events */
function useNow(events) {
  const [now, setNow] = useState(/** @type {Now | null} */ (null));
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  const last = useRef(0);
  const timer = useRef(0);
  const ask = () => {
    clearTimeout(timer.current);
    if (document.hidden) return;
    last.current = Date.now();
    timer.current = setTimeout(ask, LATEST_MS);
    get(`reports/realtime?site=${encodeURIComponent(SITE)}&limit=${ROWS}`).then((found) => {
      setNow(found);
      setError(null);
    }, (failure) => setError(described(failure)));
  };
  useEffect(() => {
    ask();
    document.addEventListener("visibilitychange", ask);
    return () => {
      clearTimeout(timer.current);
      document.removeEventListener("visibilitychange", ask);
    };
  }, []);
  useEffect(() => {
    if (!events) return;
    clearTimeout(timer.current);
    timer.current = setTimeout(ask, Math.max(0, last.current + SOONEST_MS - Date.now()));
  }, [events]);
  return { now, error, ask };
}

/** @param {string} key @param {string} text @param {Views} row */
const ranked = (key, text, row) => ({ key, text, value: row.views, title: text });
/** @param {string} value */
const referrer = (value) => (value === "Direct" ? t("direct") : label("referrer", value));
/** The report calls an unknown country by a word. @param {string} value */
const flagOf = (value) => (/^[A-Z]{2}$/.test(value) ? value : undefined);
/** @param {string} value */
const country = (value) => (flagOf(value) ? label("country", value) : t("unknown"));

/** @param {{ now: Now | null }} props */
function Minutes({ now }) {
  const series = now?.series;
  if (!now) return html`<div class="skeleton columns-sk"></div>`;
  if (!series) return html`<div class="pad muted">${t("noSeries")}</div>`;
  const views = series.map((one) => one.views);
  const describe = (/** @type {number} */ index) => t("minuteText", { time: at(series[index].start).slice(0, 5),
    views: exact(views[index]), visitors: exact(series[index].unique) });
  return html`<div class="plot"><div class="plot-head">${t("last30Title")}</div>
    <${Columns} values=${views} label=${t("minutesLabel", { n: exact(now.page_views_last_30m) })} describe=${describe}
      marks=${[t("ago", { time: "30 min" }), t("ago", { time: "15 min" }), t("nowWord")]} /></div>`;
}

/** @param {{ feed: ReturnType<typeof useFeed>, now: Now | null, isPaused: boolean, pause: () => void,
 *   choose: (event: LiveEvent) => void }} props */
function Feed({ feed, now, isPaused, pause, choose }) {
  const { lines, state, last } = feed;
  const behind = useLag(last, now);
  const name = t(isPaused ? "resume" : "pause");
  return html`<section class="card panel feed" aria-label=${t("feedTitle")}>
    <div class="tabs"><h2 class="tab on">${t("feedTitle")}</h2><span class="grow"></span>
      ${behind > BEHIND_S && state === "live" && html`<span class="stale">${t("feedBehind", { time: duration(behind) })}
        </span>`}
      <button class="iconbtn" aria-label=${name} title=${name} aria-pressed=${isPaused} onClick=${pause}><${Icon}
        name=${isPaused ? "play" : "pause"} /></button></div>
    ${!lines.length && html`<${Empty} title=${t(isPaused ? "feed_paused" : "feedEmpty")}>${t("feedEmptyText")}<//>`}
    <ol class="lines">${lines.map((line) => line.kind === "gap"
      ? html`<li key=${line.id} class="gap">${t("feedGap", { from: at(line.gap.from), to: at(line.gap.to) })}</li>`
      : html`<li key=${line.id}><${EventLine} event=${line.event} choose=${choose} /></li>`)}</ol>
  </section>`;
}

/** How long before it came the newest event had been received, by the server's clock. @param {LiveEvent | null}
 *   last @param {Now | null} now */
function useLag(last, now) {
  const [lag, setLag] = useState(0);
  const ahead = useRef(0);
  useEffect(() => {
    if (now) ahead.current = Date.parse(now.meta.computed_at) - Date.now();
  }, [now]);
  useEffect(() => {
    if (last) setLag((Date.now() + ahead.current - Date.parse(last.received_at)) / 1000);
  }, [last]);
  return lag;
}

/** @param {{ event: LiveEvent, choose: (event: LiveEvent) => void }} props */
function EventLine({ event, choose }) {
  const isView = event.type === "page_view";
  const client = [event.browser, event.os].filter(Boolean).join(" · ");
  const who = [event.source, event.country && country(event.country), client].filter(Boolean);
  return html`<button class="line-btn" onClick=${() => choose(event)} title=${t("details")}>
    <time class="num">${at(event.ts)}</time>
    <span class=${isView ? "type" : "type own"}>${isView ? t("pageView") : event.type}</span>
    <span class="what">${event.path ?? event.subject ?? ""}</span>
    <span class="who">${who.map((one) => html`<span>${one}</span>`)}</span>
  </button>`;
}

/** All that is known of an event. @param {{ event: LiveEvent, close: () => void }} props */
function EventDialog({ event, close }) {
  const { properties, ...fields } = event;
  const trace = `/api/analytics/events/${encodeURIComponent(event.event_id)}/trace?site=${encodeURIComponent(SITE)}`;
  return html`<${Dialog} title=${event.type} close=${close}>
    <dl class="facts">${Object.entries(fields).map(([name, value]) => html`<div key=${name}><dt>${name}</dt>
      <dd>${String(value)}</dd></div>`)}</dl>
    ${Object.keys(properties ?? {}).length > 0 && html`<div class="code-head">${t("properties")}</div><pre
      class="facts-json" tabindex="0">${JSON.stringify(properties, null, 2)}</pre>`}
    ${may("admin") && html`<div class="dlg-foot"><a class="btn" href=${trace} target="_blank"
      rel="noopener">${t("trace")}</a></div>`}
  <//>`;
}
