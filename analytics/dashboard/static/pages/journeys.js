// Which ways visits go from a page on, or come to it: a column a step, and the most common ways as a whole.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, useReport } from "../app/api.js";
import { count, exact, share } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { reportQuery, useAddress } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { addTerm, condition } from "../parts/filters.js";
import { Empty } from "../parts/rows.js";
import { PathColumns, StepName, codeOf } from "../parts/path_columns.js";
import { ReportFrame, ReportProblem } from "../parts/report_frame.js";

await addWords(() => import("../app/words_journeys.js"), () => import("../app/words_journeys_de.js"));

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {import("../parts/path_columns.js").Journeys} Journeys */
/** @typedef {State & typeof DEFAULTS} JourneysState */
/** @typedef {{ state: JourneysState, go: Go<JourneysState> }} Shared */

/** `then`: the chosen steps, as JSON; `events`: whether custom events are steps. */
const DEFAULTS = { page: "", direction: "from", steps: "4", then: "[]", events: "" };
const STEPS = ["2", "3", "4", "5"];
const ROWS = 10;
const SUGGESTIONS = 50;
/** The API takes so many types, and a type of page views is one already. */
const TYPES = 20;
/** A search begins when nobody has typed for so long. */
const PAUSE_MS = 300;

/** @param {{ pages: PageEntry[] }} props */
export default function JourneysPage({ pages }) {
  const [state, go] = useAddress(DEFAULTS);
  const lists = useLists(state);
  const page = state.page || lists.top;
  const then = readThen(state.then);
  const isReadable = page !== null && (!state.events || lists.types !== null);
  /** @type {Report<Journeys>} */
  const report = useReport(isReadable && page ? journeysPath(state, page, then, lists.types ?? []) : "");
  const data = page ? report.data : null;
  const isEmpty = page === "";
  const isReady = isEmpty || (isReadable && data !== null && !report.isBusy && isOf(data, state, page));
  return html`<${ReportFrame} pages=${pages} name="journeys" title=${t("journeys")} intro=${t("journeysIntro")}
    isReady=${isReady} state=${state} go=${go} tools=${["filter", "period"]}>
    <${ReportProblem} error=${lists.error ?? (page ? report.error : null)} retry=${lists.error ? lists.retry : report.retry}
      go=${go} />
    <section class=${"card panel" + (report.isBusy && data ? " busy" : "")} aria-label=${t("journeys")}>
      <${Choices} state=${state} go=${go} page=${page ?? ""} />
      ${isEmpty || data?.visits === 0 ? html`<${Empty} title=${t(isEmpty ? "emptyTitle" : "noJourneys")}>
          ${t(isEmpty ? "emptyText" : "noJourneysText")}<//>`
        : data ? html`<${PathColumns} data=${data} then=${then}
            choose=${(/** @type {string[]} */ next) => go({ then: JSON.stringify(next) })} />`
          : html`<div class="skeleton cohorts-sk"></div>`}
    </section>
    ${data && data.visits > 0 && html`<${Ways} data=${data} isBusy=${report.isBusy} />`}
  <//>`;
}

/** @param {string} text @returns {string[]} */
function readThen(text) {
  try {
    const found = JSON.parse(text);
    return Array.isArray(found) ? found.map(String) : [];
  } catch {
    return [];
  }
}

/** @param {JourneysState} state */
const stepsOf = (state) => (STEPS.includes(state.steps) ? state.steps : DEFAULTS.steps);

/** @param {JourneysState} state @param {string} page @param {string[]} then @param {string[]} types */
function journeysPath(state, page, then, types) {
  const query = reportQuery(state);
  query.set(state.direction === "to" ? "to_page" : "from_page", page);
  query.set("steps", stepsOf(state));
  query.set("limit", String(ROWS));
  for (const one of then.slice(0, Number(stepsOf(state)) - 1)) query.append("then", one);
  if (state.events) types.forEach((one) => query.append("type", one));
  return "reports/journeys?" + query;
}

/** Whether the report is of the page that is asked for, and not the one before. @param {Journeys} data
 * @param {JourneysState} state @param {string} page */
const isOf = (data, state, page) => data.anchor.page === page
  && data.direction === (state.direction === "to" ? "to" : "from");

/** What the report's request needs: the page that is seen most, where none is chosen ("": none is), and the types of
 * events, where they are steps. @param {JourneysState} state */
function useLists(state) {
  const top = useReport(state.page ? "" : topPath(state));
  const types = useReport(state.events ? breakdownPath(state, "type", TYPES + 1, "") : "");
  /** @param {List | null} list */
  const values = (list) => list && list.rows.map((row) => row.value ?? "");
  const first = values(/** @type {any} */ (top.data));
  const found = values(/** @type {any} */ (types.data));
  return {
    top: first && (first[0] ?? ""),
    types: found && found.filter((one) => one !== "page_view").slice(0, TYPES),
    error: (state.page ? null : top.error) ?? (state.events ? types.error : null),
    retry: () => {
      top.retry();
      types.retry();
    },
  };
}

/** The request of the page that is seen most, which the shell preloads. @param {State} state */
export const topPath = (state) => breakdownPath(state, "path", 1, state.filter);

/** @param {State} state @param {string} dimension @param {number} limit @param {string} filter */
const breakdownPath = (state, dimension, limit, filter) =>
  `reports/breakdown?${reportQuery(state, filter)}&dimension=${dimension}&limit=${limit}`;

/** @param {Shared & { page: string }} props */
function Choices({ state, go, page }) {
  const choice = (/** @type {Partial<JourneysState>} */ change, /** @type {boolean} */ isOn, /** @type {Word} */ word) => html`<button
    aria-pressed=${isOn} onClick=${() => go({ then: "[]", ...change })}>${t(word)}</button>`;
  const isTo = state.direction === "to";
  return html`<div class="plot-head tools-row">
    <span class="seg" role="group" aria-label=${t("direction")}>
      ${choice({ direction: "from" }, !isTo, "fromPage")}${choice({ direction: "to" }, isTo, "toPage")}</span>
    <${PageSearch} key=${page} state=${state} go=${go} page=${page} />
    <span class="grow"></span>
    <span class="seg" role="group" aria-label=${t("stepKinds")}>
      ${choice({ events: "" }, !state.events, "pagesAlone")}${choice({ events: "1" }, Boolean(state.events), "withEvents")}</span>
    <label class="inline">${t("stepCount")} <select class="choice" value=${stepsOf(state)}
      onChange=${(/** @type {any} */ event) => go({ steps: event.target.value, then: "[]" })}>
      ${STEPS.map((one) => html`<option key=${one} value=${one} selected=${one === stepsOf(state)}>${one}</option>`)}
    </select></label>
  </div>`;
}

/** Chooses the page: of the period's pages, those with what is typed are offered. @param {Shared & { page: string }} props */
function PageSearch({ state, go, page }) {
  const [typed, setTyped] = useState(page);
  const found = usePages(state, typed === page ? "" : typed);
  /** @param {string} text */
  const choose = (text) => text.trim() && text !== page && go({ page: text.trim(), then: "[]" });
  /** @param {any} event */
  const onInput = (event) => {
    setTyped(event.target.value);
    // A choice of the list is no typing, and needs no Enter.
    if (event.inputType === "insertReplacementText" || !event.inputType) choose(event.target.value);
  };
  /** @param {any} event */
  const submit = (event) => {
    event.preventDefault();
    choose(typed);
  };
  return html`<form class="path-search" role="search" onSubmit=${submit}><input class="search" type="search"
    list="journey-pages" autocomplete="off" maxlength="1024" aria-label=${t("pageField")} placeholder=${t("pageField")}
    value=${typed} onInput=${onInput} onFocus=${(/** @type {any} */ event) => event.target.select()} />
    <button class="btn">${t("apply")}</button>
    <datalist id="journey-pages">${found.map((one) => html`<option key=${one} value=${one} />`)}</datalist></form>`;
}

/** The pages with the text, the most seen first. @param {State} state @param {string} text */
function usePages(state, text) {
  const [pages, setPages] = useState(/** @type {string[]} */ ([]));
  const filter = text ? addTerm(state.filter, condition("path", "=~", [text])) : state.filter;
  const path = breakdownPath(state, "path", SUGGESTIONS, filter);
  useEffect(() => {
    const abort = new AbortController();
    /** @param {List} list */
    const read = (list) => setPages(list.rows.flatMap((row) => row.value || []));
    const timer = setTimeout(() => get(path, abort.signal).then(read, () => {}), PAUSE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [path]);
  return pages;
}

/** The most common ways; each opens to its steps. @param {{ data: Journeys, isBusy: boolean }} props */
function Ways({ data, isBusy }) {
  const max = Math.max(1, ...data.journeys.map((one) => one.visits));
  const others = data.other_visits;
  return html`<section class=${"card panel ways-list" + (isBusy ? " busy" : "")} aria-label=${t("topJourneys")}>
    <div class="tabs"><h2 class="tab on">${t("topJourneys")}</h2></div>
    <table>
      <colgroup><col /><col class="c-s" /><col class="c-v" /><col class="c-v hide-small" /></colgroup>
      <thead><tr><th scope="col">${t("way")}</th><th scope="col"><span class="vh">${t("share")}</span></th>
        <th scope="col">${t("visits")}</th><th scope="col" class="hide-small">${t("people")}</th></tr></thead>
      <tbody>${data.journeys.map((one) => html`<${WayRow} key=${one.steps.map(codeOf).join("\n")} way=${one} max=${max} />`)}
      </tbody>
    </table>
    <div class="panel-foot"><span>${others > 0 && t("otherWays", { n: exact(others) }, others)}</span></div>
  </section>`;
}

/** @param {{ way: Journeys["journeys"][0], max: number }} props */
function WayRow({ way, max }) {
  const [isOpen, setOpen] = useState(false);
  const steps = way.steps.map((step, index) => html`${index > 0 && html`<span class="arrow" aria-hidden="true">→</span>`}
    <${StepName} step=${step} />`);
  return html`<tr>
      <td class="row"><span class="fill" style=${{ "--w": (way.visits / max) * 100 + "%" }}></span>
        <button class="cell way" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}><${Icon} name="chevron"
          size="14" />${steps}</button></td>
      <td class="s">${share(way.share)}</td><td class="v" title=${exact(way.visits)}>${count(way.visits)}</td>
      <td class="v hide-small" title=${exact(way.users)}>${count(way.users)}</td></tr>
    ${isOpen && html`<tr class="way-steps"><td colspan="4"><ol>${way.steps.map((step, index) => html`<li key=${index}>
      <span class="num">${index + 1}</span><${StepName} step=${step} /></li>`)}</ol></td></tr>`}`;
}
