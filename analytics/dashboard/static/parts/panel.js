// A card with tabs: lists of values with bars, whose rows filter the page, the map, goals. Its tables are used by the
// dialog of details too.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { ROWS, get, useModule } from "../app/api.js";
import { DASH, MEASURES, change, exact, label, percent, share } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { useIsPaper } from "../app/paper.js";
import { reportQuery, useKept } from "../app/state.js";
import { fieldName, t } from "../app/words.js";
import { isChosen } from "./filters.js";
import { Empty, Fill, Flag } from "./rows.js";

// Page views have a page of their own in the figures.
const HIDDEN_TYPE = "page_view";

/**
 * `more`: tabs behind a choice; lists that the overview does not bring are asked for when they are shown.
 * @param {{ name: Word, tabs: Tab[], more?: Tab[], data: Overview | null, isBusy: boolean, state: State, choose: Choose,
 *   open: (tab: Tab) => void }} props
 */
export function Panel({ name, tabs, more = [], data, isBusy, state, choose, open }) {
  const [chosen, setAt] = useKept(name);
  // Paper has a list in place of the map, which may not be there yet, and no goals where there are none.
  const isLeftOut = useIsPaper() && (tabs[chosen]?.kind === "map" || (tabs[chosen]?.kind === "goals" && !data?.goals.length));
  const at = isLeftOut && tabs.length > 1 ? chosen + 1 : chosen;
  const box = /** @type {{ current: Element }} */ (useRef());
  const isNear = useNear(box);
  const tab = [...tabs, ...more][at] ?? tabs[0];
  const list = useList(tab, data, state, isNear);
  /** @param {any} event */
  const onKey = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[/** @type {string} */ (event.key)];
    if (!step) return;
    const next = (Math.min(at, tabs.length - 1) + step + tabs.length) % tabs.length;
    setAt(next);
    event.currentTarget.children[next].focus();
  };
  return html`<section ref=${box} class=${"card panel" + (isBusy ? " busy" : "")} aria-label=${t(name)}>
    <div class="tabs">
      <div class="tabs-in" role="tablist" aria-label=${t(name)} onKeyDown=${onKey}>
        ${tabs.map((one, index) => html`<button key=${one.name} role="tab" class="tab" aria-selected=${index === at}
          tabindex=${index === Math.min(at, tabs.length - 1) ? 0 : -1} onClick=${() => setAt(index)}>
          ${t(/** @type {Word} */ (one.name))}</button>`)}
      </div>
      ${more.length > 0 && html`<select class=${at >= tabs.length ? "on" : ""} aria-label=${`${t(name)}: ${t("more")}`}
        value=${String(at)} onChange=${(/** @type {any} */ event) => setAt(Number(event.target.value))}>
        <option value=${at < tabs.length ? String(at) : "0"}>${t("more")}</option>
        ${more.map((one, index) => html`<option key=${one.name}
          value=${String(tabs.length + index)}>${t(/** @type {Word} */ (one.name))}</option>`)}
      </select>`}
    </div>
    <div class=${tab.kind === "map" ? "" : "list"}><${Body} tab=${tab} list=${list} isNear=${isNear} data=${data}
      state=${state} choose=${choose} /></div>
    <${PanelFoot} tab=${tab} list=${list} open=${open} />
  </section>`;
}

/** Whether the element has come near the view. @param {{ current: Element }} box */
function useNear(box) {
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    /** @param {IntersectionObserverEntry[]} seen */
    const onSeen = (seen) => seen.some((one) => one.isIntersecting) && setNear(true);
    const watch = new IntersectionObserver(onSeen, { rootMargin: "300px" });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return isNear;
}

/** The tab's list: of the overview, else asked for alone when the panel is near.
 * @param {Tab} tab @param {Overview | null} data @param {State} state @param {boolean} isNear */
function useList(tab, data, state, isNear) {
  const [found, setFound] = useState(/** @type {{ key: string, list: List } | null} */ (null));
  const isMap = tab.kind === "map";
  const query = reportQuery(state);
  query.set("dimension", tab.dimension);
  query.set("measures", "visitors,visits,events");
  query.set("limit", String(isMap ? 300 : ROWS));
  const key = query.toString();
  const bundled = isMap ? undefined : data?.breakdowns[tab.dimension];
  const isWanted = isNear && data !== null && !bundled && tab.kind !== "goals";
  useEffect(() => {
    if (!isWanted) return undefined;
    const abort = new AbortController();
    get("reports/breakdown?" + key, abort.signal).then((list) => setFound({ key, list }), () => {});
    return () => abort.abort();
  }, [isWanted, key, data]);
  return bundled ?? (found && found.list.dimension === tab.dimension ? found.list : null);
}

/** @param {{ tab: Tab, list: List | null, isNear: boolean, data: Overview | null, state: State, choose: Choose }} props */
function Body({ tab, list, isNear, data, state, choose }) {
  if (!data) return html`<div class=${"skeleton map-sk" + (tab.kind === "map" ? " world" : "")}></div>`;
  if (tab.kind === "goals") return html`<${GoalTable} goals=${data.goals} />`;
  const isEmpty = list?.rows.length === 0;
  if (tab.kind === "map" && !isEmpty) return html`<${LazyMap} list=${list} isNear=${isNear} choose=${choose} />`;
  if (!list) return html`<div class="skeleton map-sk"></div>`;
  // A filter on events, as a page is, leaves lists without visits.
  const measure = list.rows.some((row) => row[tab.measure] != null) ? tab.measure : "visitors";
  const total = measure === "events" ? 0 : (data[measure] ?? 0);
  return html`<${ValueTable} list=${list} measure=${measure} total=${total} most=${ROWS} filter=${state.filter}
    choose=${choose} />`;
}

/** @param {{ tab: Tab, list: List | null, open: (tab: Tab) => void }} props */
function PanelFoot({ tab, list, open }) {
  const isMap = tab.kind === "map";
  const n = list?.value_count ?? 0;
  // Unknown is no country.
  const known = list?.rows.filter((row) => row.value).length ?? 0;
  const text = isMap ? t("countryCount", { n: exact(known) }, known) : n > ROWS ? t("inAll", { n: exact(n) }, n) : "";
  return html`<div class="panel-foot"><span>${list && n > 0 ? text : ""}</span>
    ${list && n > 0 && html`<button class="more" onClick=${() => open(tab)}><${Icon} name="expand" size="13" />
      ${t("details")}</button>`}
  </div>`;
}

/** The map's module and outlines are loaded with its list.
 * @param {{ list: List | null, isNear: boolean, choose: Choose }} props */
function LazyMap({ list, isNear, choose }) {
  const map = useModule(isNear, () => import("../charts/map.js"));
  if (!map || !list) return html`<div class="skeleton map-sk world"></div>`;
  return html`<${map.WorldMap} rows=${list.rows.filter((row) => row.value)} choose=${choose} />`;
}

/**
 * Values with bars. Page views are no custom event, so the list of types leaves them out. `total`: of what a row's share
 * is a part, 0 for none; distinct visitors are never summed over rows.
 * @param {{ list: List, measure: Measure, total: number, filter: string, choose: Choose, most?: number }} props
 */
export function ValueTable({ list, measure, total, filter, choose, most = Infinity }) {
  const { dimension } = list;
  const rows = list.rows.filter((row) => dimension !== "type" || row.value !== HIDDEN_TYPE);
  const shown = rows.toSorted((a, b) => (b[measure] ?? 0) - (a[measure] ?? 0)).slice(0, most);
  if (!shown.length) return html`<${Empty} title=${t("nothing")}>${t("nothingText")}<//>`;
  const max = Math.max(1, ...shown.map((row) => row[measure] ?? 0));
  return html`<table>
    <colgroup><col />${total > 0 && html`<col class="c-s" />`}<col class="c-v" /></colgroup>
    <thead><tr><th scope="col">${fieldName(dimension)}</th>${total > 0 && html`<th scope="col">
      <span class="vh">${t("share")}</span></th>`}
      <th scope="col">${t(/** @type {Word} */ (measure))}</th></tr></thead>
    <tbody>${shown.map((row) => html`<${ValueRow} key=${row.value} row=${row} dimension=${dimension} measure=${measure}
      total=${total} max=${max} isChosen=${isChosen(filter, dimension, row.value)} choose=${choose} />`)}</tbody>
  </table>`;
}

/** @param {ValueRowProps} props */
function ValueRow({ row, dimension, measure, total, max, isChosen: isOn, choose }) {
  const text = label(dimension, row.value);
  const value = row[measure];
  const changed = row.change?.[measure];
  const growth = changed == null ? "" : ` (${changed > 0 ? "+" : "−"}${change(changed)})`;
  const hint = `${exact(value)} ${t(/** @type {Word} */ (measure))}${growth}`;
  return html`<tr class=${isOn ? "chosen" : ""}>
    <td class="row"><${Fill} part=${(value ?? 0) / max} />
      <button class="cell" aria-pressed=${isOn} onClick=${() => choose(dimension, row.value)}
        title=${t(isOn ? "unfilter" : "filterBy", { value: row.value || text })}>
        <${Flag} dimension=${dimension} value=${row.value} />
        <span class=${row.value ? "lbl" : "lbl none"}>${text}</span>
      </button></td>
    ${total > 0 && html`<td class="s">${value == null ? DASH : share(Math.min(1, value / total))}</td>`}
    <td class="v" title=${hint}>${MEASURES[measure].short(value)}</td>
  </tr>`;
}

/** @param {{ goals: Goal[] }} props */
function GoalTable({ goals }) {
  if (!goals.length) return html`<${Empty} title=${t("noGoals")}>${t("noGoalsText")}<//>`;
  const max = Math.max(1e-9, ...goals.map((one) => one.rate ?? 0));
  const ranked = goals.toSorted((a, b) => (b.users ?? -1) - (a.users ?? -1));
  return html`<table>
    <colgroup><col /><col class="c-s" /><col class="c-v" /></colgroup>
    <thead>
      <tr><th scope="col">${t("goal")}</th><th scope="col">${t("rate")}</th><th scope="col">${t("visitors")}</th></tr>
    </thead>
    <tbody>${ranked.slice(0, ROWS).map((one) => html`<tr key=${one.id}>
      <td class="row"><${Fill} part=${(one.rate ?? 0) / max} /><span class="cell">
        <span class="lbl">${one.name}</span></span></td>
      <td class="s">${percent(one.rate)}</td>
      <td class="v" title=${one.users == null ? t("notCounted") : `${exact(one.conversions)} ${t("conversions")}`}>
        ${MEASURES.visitors.short(one.users)}</td>
    </tr>`)}</tbody>
  </table>`;
}
