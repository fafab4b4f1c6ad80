// All values of a list: searched, read page by page, as CSV.
import { html, useEffect, useState } from "../vendor/preact.js";
import { address, get } from "../app/api.js";
import { MEASURES, label } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { SHARED, reportQuery } from "../app/state.js";
import { fieldName, t } from "../app/words.js";
import { Dialog } from "./dialog.js";
import { addTerm, condition } from "./filters.js";
import { Empty, Fill, Flag } from "./rows.js";

const PAGE = 100;
/** A search begins when nobody has typed for so long. */
const PAUSE_MS = 300;
/** The columns of lists that count visits, and of those that count events. @type {Record<string, Measure[]>} */
const COLUMNS = {
  visits: ["visits", "visitors", "page_views", "bounce_rate", "avg_visit_duration_s"],
  events: ["events", "visitors"],
};

/** `type`: of the events that are listed, in place of those that the dimension has by itself.
 * @param {{ tab: Tab, state: State, choose: Choose, close: () => void, type?: string }} props */
export default function Details({ tab, state, choose, close, type }) {
  const [typed, setTyped] = useState("");
  const [search, setSearch] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSearch(typed.trim()), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const query = detailsQuery(tab.dimension, state, search, type);
  const { rows, ranked, next, error, more } = usePages(query);
  const title = t(/** @type {Word} */ (tab.kind === "map" ? "countries" : tab.name));
  return html`<${Dialog} title=${title} close=${close} tools=${!SHARED && html`<a class="iconbtn" title=${t("csv")}
    aria-label=${t("csv")}
      href=${address("reports/breakdown?" + query.replace(`limit=${PAGE}`, "limit=1000") + "&format=csv")} download>
        <${Icon} name="download" /></a>`}>
    <div class="dlg-tools"><input class="search" type="search" data-focus placeholder=${t("search")}
      aria-label=${t("searchIn", { name: title })} value=${typed}
      onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} /></div>
    ${error && html`<div class="card alert" role="alert"><div>${error.message || t("offline")}</div></div>`}
    ${rows && !rows.length && html`<${Empty} title=${t("nothing")}>${t("nothingText")}<//>`}
    ${!rows && !error && html`<div class="skeleton map-sk"></div>`}
    ${rows && rows.length > 0 && html`<${DetailTable} dimension=${tab.dimension} rows=${rows} columns=${columnsOf(tab, ranked)}
      choose=${(/** @type {string | null} */ value) => { choose(tab.dimension, value); close(); }} />`}
    ${next && html`<div class="dlg-foot"><button class="btn" onClick=${more}>${t("showMore")}</button></div>`}
  <//>`;
}

/** The measure that the tab is ranked by comes first. @param {Tab} tab @param {string} ranked */
function columnsOf({ measure }, ranked) {
  const columns = COLUMNS[ranked];
  return columns.includes(measure) ? [measure, ...columns.filter((one) => one !== measure)] : columns;
}

/** @param {string} dimension @param {State} state @param {string} search @param {string} [type] */
function detailsQuery(dimension, state, search, type) {
  const query = reportQuery(state, search ? addTerm(state.filter, condition(dimension, "=~", [search])) : state.filter);
  query.set("dimension", dimension);
  if (type) query.set("type", type);
  query.set("measures", [...new Set([...COLUMNS.visits, ...COLUMNS.events])].join());
  query.set("limit", String(PAGE));
  return query.toString();
}

/** The pages that were read so far. @param {string} query */
function usePages(query) {
  const [state, setState] = useState(/** @type {DetailPages} */ ({ rows: null, ranked: "visits", next: null, error: null }));
  /** @param {string | null} cursor @param {AbortSignal} [signal] */
  const read = async (cursor, signal) => {
    try {
      const path = "reports/breakdown?" + query + (cursor ? "&cursor=" + encodeURIComponent(cursor) : "");
      /** @type {List} */
      const list = await get(path, signal);
      const page = { ranked: list.ranked_by, next: list.next_cursor, error: null };
      setState((old) => ({ rows: [...((cursor && old.rows) || []), ...list.rows], ...page }));
    } catch (error) {
      const failed = /** @type {any} */ (error);
      if (failed.name !== "AbortError") setState((old) => ({ ...old, error: failed.status ? failed : { message: "" } }));
    }
  };
  useEffect(() => {
    const abort = new AbortController();
    read(null, abort.signal);
    return () => abort.abort();
  }, [query]);
  return { ...state, more: () => read(state.next) };
}

/** Ranked by the first column. @param {{ dimension: string, rows: Row[], columns: Measure[], choose: (value: string | null) => void }} props */
function DetailTable({ dimension, rows: found, columns, choose }) {
  const first = columns[0];
  const rows = found.toSorted((a, b) => (b[first] ?? 0) - (a[first] ?? 0));
  const max = Math.max(1, ...rows.map((row) => row[first] ?? 0));
  const isExtra = (/** @type {number} */ index) => (index > 1 ? "hide-small" : "");
  return html`<table>
    <colgroup><col />${columns.map((name, index) => html`<col key=${name} class=${"c-v " + isExtra(index)} />`)}</colgroup>
    <thead><tr><th scope="col">${fieldName(dimension)}</th>${columns.map((name, index) => html`<th scope="col" key=${name}
      class=${isExtra(index)} aria-sort=${index === 0 ? "descending" : undefined}>
      ${t(name === "page_views" || (name === "events" && dimension === "path") ? "views" : /** @type {Word} */ (name))}
        </th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.value}>
      <td class="row"><${Fill} part=${(row[first] ?? 0) / max} />
        <button class="cell" onClick=${() => choose(row.value)}
          title=${t("filterBy", { value: row.value ?? label(dimension, null) })}>
          <${Flag} dimension=${dimension} value=${row.value} /><span
            class=${row.value ? "lbl" : "lbl none"}>${label(dimension, row.value)}</span></button></td>
      ${columns.map((name, index) => html`<td key=${name} class=${"v " + isExtra(index)}
        title=${MEASURES[name].long(row[name])}>${MEASURES[name].short(row[name])}</td>`)}
    </tr>`)}</tbody>
  </table>`;
}
