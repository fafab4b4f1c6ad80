// The events of one user, the oldest first, by day and visit.
import { html, useEffect } from "../vendor/preact.js";
import { DASH, at, dayAndTime, exact, when } from "../app/format.js";
import { PRESETS, SITE, ZONE, periodOf, today } from "../app/state.js";
import { locale, t } from "../app/words.js";
import { usePages } from "./cursor_list.js";
import { Empty } from "./rows.js";
import { Figure } from "./ranking.js";
import { ReportFoot, ReportProblem } from "./report_frame.js";
import { filterOfUser, timelinePath, usersPath } from "./user_group.js";

/** @typedef {import("../pages/users.js").User} User */
/** @typedef {{ id: string, event_name: string, properties: Record<string, unknown>, timestamp: string, path: string | null,
 *   visit_started_at: string | null }} TimelineEvent */

const longDay = new Intl.DateTimeFormat(locale, { timeZone: ZONE, dateStyle: "full" });

/** @param {{ user: string, state: State, go: Go, ready: (isReady: boolean) => void }} props */
export default function Timeline({ user, state, go, ready }) {
  const list = usePages(timelinePath(state, user), "events");
  /** @type {TimelineEvent[] | null} */
  const events = list.rows;
  useEffect(() => ready(events !== null || list.error !== null), [events !== null || list.error !== null]);
  return html`<${ReportProblem} error=${list.error} meta=${list.meta} retry=${list.retry} go=${go} />
    <${Facts} user=${user} state=${state} total=${events ? list.total : null} />
    <section class=${"card panel timeline" + (list.isBusy && events ? " busy" : "")} aria-label=${t("timelineTitle")}>
      <div class="tabs"><h2 class="tab on">${t("timelineTitle")}</h2></div>
      ${!events ? !list.error && html`<div class="skeleton map-sk"></div>` : !events.length ? html`<${NoEvents} state=${state} go=${go} />`
        : groupByDay(events).map((day) => html`<${Day} key=${day.name} day=${day} />`)}
      ${list.next && html`<div class="panel-foot"><span>${t("shownOf", { n: exact(events?.length), all: exact(list.total) })}</span>
        <button class="more" disabled=${list.isBusy} onClick=${list.more}>${t("showMore")}</button></div>`}
    </section>
    ${list.meta && html`<${ReportFoot} meta=${list.meta} took=${list.took} />`}`;
}

/** @param {{ user: string, state: State, total: number | null }} props */
function Facts({ user, state, total }) {
  const found = usePages(usersPath({ ...state, filter: filterOfUser(user) }, {}), "users");
  /** @type {User | undefined} */
  const row = found.rows?.[0];
  const figure = (/** @type {Word} */ word, /** @type {string} */ value, /** @type {string} */ title = "") =>
    html`<${Figure} name=${t(word)} value=${value} title=${title} />`;
  return html`<section class="card hero" aria-label=${t("factsTitle")}><div class="kpis five alone">
    ${figure("events", exact(total))}${figure("page_views", exact(row?.page_views))}${figure("visits", exact(row?.visits))}
    ${figure("firstSeen", row ? dayAndTime(row.first_seen_at) : DASH, row && when(row.first_seen_at))}${figure("lastSeen", row ? dayAndTime(row.last_seen_at) : DASH, row && when(row.last_seen_at))}</div></section>`;
}

/** @param {{ state: State, go: Go }} props */
function NoEvents({ state, go }) {
  const longer = PRESETS.find((one) => Number(one.query(today()).days) > periodOf(state)[1]) ?? PRESETS[PRESETS.length - 1];
  return html`<${Empty} title=${t("noEventsOfUser")}>${t("emptyText")}<div><button class="btn" onClick=${() => go({ period: longer.name, unit: "" })}>
    ${t(longer.name)}</button></div><//>`;
}

/** @typedef {{ name: string, visits: { key: string, start: string | null, events: TimelineEvent[] }[] }} DayOfEvents */

/** Events of the same day and visit that follow each other. @param {TimelineEvent[]} events @returns {DayOfEvents[]} */
function groupByDay(events) {
  /** @type {DayOfEvents[]} */
  const found = [];
  for (const event of events) {
    const name = longDay.format(new Date(event.timestamp));
    let day = found.at(-1);
    if (day?.name !== name) found.push((day = { name, visits: [] }));
    const start = event.visit_started_at;
    if (!day.visits.length || day.visits.at(-1)?.start !== start) day.visits.push({ key: event.id, start, events: [] });
    day.visits.at(-1)?.events.push(event);
  }
  return found;
}

/** @param {{ day: DayOfEvents }} props */
const Day = ({ day }) => html`<div class="day"><h3>${day.name}</h3>
  ${day.visits.map((visit) => html`<div class="visit" key=${visit.key}>
    <h4>${visit.start ? t("visitFrom", { time: at(visit.start) }) : t("noVisit")}</h4>
    <ol>${visit.events.map((event) => html`<li key=${event.id}><${EventRow} event=${event} /></li>`)}</ol></div>`)}</div>`;

/** @param {{ event: TimelineEvent }} props */
function EventRow({ event }) {
  const isView = event.event_name === "page_view";
  const id = event.id.replace(/^event_/, "");
  const trace = `/sites/${encodeURIComponent(SITE)}/operations?event=${encodeURIComponent(id)}`;
  const hasProperties = Object.keys(event.properties ?? {}).length > 0;
  return html`<details class="event"><summary>
      <time class="num" datetime=${event.timestamp}>${at(event.timestamp)}</time>
      <span class=${isView ? "type" : "type own"}>${isView ? t("pageView") : event.event_name}</span><span class="what">${event.path ?? ""}</span></summary>
    <dl class="facts"><div><dt>id</dt><dd>${id}</dd></div><div><dt>ts</dt><dd>${event.timestamp}</dd></div>
      <div><dt>type</dt><dd>${event.event_name}</dd></div>${event.path && html`<div><dt>path</dt><dd>${event.path}</dd></div>`}</dl>
    ${hasProperties && html`<div class="code-head">${t("properties")}</div><pre class="facts-json" tabindex="0">${JSON.stringify(event.properties, null, 2)}</pre>`}
    <a class="text-btn" href=${trace}>${t("traceLink")}</a></details>`;
}
