// A site's funnels: the list with their rates, the report on one, and the form that makes and changes them.
import { html, useEffect, useState } from "../vendor/preact.js";
import { forgetAnswers, send, useModule, useReport } from "../app/api.js";
import { nameOfStep } from "../app/funnel.js";
import { exact, rate } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { addressOf, onPlainClick, useParams } from "../app/params.js";
import { SITE, may, reportQuery } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { described } from "../parts/frame.js";
import { compareFunnels, csvOfFunnel } from "../parts/funnel_requests.js";
import { Empty } from "../parts/rows.js";
import { ReportFrame, ReportProblem } from "../parts/report_frame.js";

await addWords(() => import("../app/words_funnels.js"), () => import("../app/words_funnels_de.js"));

/** @typedef {import("../app/funnel.js").Funnel} Funnel */
/** @typedef {import("../app/params.js").Params} Params */
/** @typedef {import("../parts/funnel_requests.js").Compared} Compared */

/** `funnel`: its report. `edit`: `new`, or the id of the funnel to change; `copy`: of the one to begin with. `by`, `all`:
 * the dimension of the report and all of its rows; `with`: the funnels beside it. */
const PARAMS = ["funnel", "edit", "copy", "by", "all", "with"];
const LIST = "../v1/funnels/?site=" + encodeURIComponent(SITE);
/** Funnels of one request of figures: one that takes long holds up only some rows. */
const BATCH = 4;

/** @param {{ pages: PageEntry[] }} props */
export default function FunnelsPage({ pages }) {
  const { state, params, go, open } = useParams(PARAMS);
  /** @type {Report<{ data: Funnel[] }>} */
  const list = useReport(LIST);
  const [isDrawn, setDrawn] = useState(false);
  const [said, say] = useState(/** @type {Said | null} */ (null));
  const builder = useModule(Boolean(params.edit), () => import("../parts/funnel_builder.js"));
  // Was deleted, though the list may not say so yet.
  const [gone, setGone] = useState("");
  const report = useModule(Boolean(params.funnel), () => import("../parts/funnel_report.js"));
  const funnels = list.data && list.data.data.filter((one) => one.id !== gone).toSorted((a, b) => a.name.localeCompare(b.name));
  const find = (/** @type {string} */ id) => funnels?.find((one) => one.id === id);
  const funnel = find(params.funnel);
  const wanted = params.edit ? params.edit !== "new" && params.edit : params.funnel;
  const isMissing = Boolean(funnels && wanted && !find(wanted));
  const act = useActions({ reload: list.retry, open, say, setGone });
  const title = params.edit ? t(params.edit === "new" ? "newFunnel" : "editFunnel") : (funnel?.name ?? t("funnels"));
  const intro = params.edit ? t("builderIntro") : funnel ? funnel.description : t("funnelsIntro");
  const isReady = funnels !== null && (params.edit ? builder !== null : isMissing ? !list.isBusy : isDrawn);
  return html`<${ReportFrame} pages=${pages} name="funnels" title=${title} intro=${intro} state=${state} go=${go} said=${said}
    silence=${() => say(null)} back=${(params.edit || params.funnel) && html`<a class="text-btn back" href=${addressOf(state, {})}
      onClick=${onPlainClick(() => open({}))}><${Icon} name="back" size="14" />${t("allFunnels")}</a>`} tools=${params.edit || !funnel ? ["filter", "period"] : ["filter", "compare", "period"]} isReady=${isReady}>
    ${!params.edit && funnel && html`<div class="page-tools"><${Tools} funnel=${funnel} state=${state} open=${open}
      remove=${() => act.remove(funnel)} /></div>`}
    ${list.error && html`<${ReportProblem} error=${list.error} retry=${list.retry} go=${go} />`}
    ${!funnels || (isMissing && list.isBusy) ? !list.error && html`<div class="card"><div class="skeleton funnel-sk"></div></div>`
      : isMissing ? html`<div class="card"><${Empty} title=${t("noSuchFunnel")}>${t("noSuchFunnelText")}<//></div>`
      : params.edit ? builder && html`<${builder.default} key=${params.edit + params.copy} funnel=${find(params.edit)} copy=${find(params.copy)} state=${state}
        saved=${act.saved} cancel=${() => open(find(params.edit) ? { funnel: params.edit } : {})} />`
      : funnel ? report && html`<${report.FunnelReport} key=${funnel.id + funnel.updated_at} funnel=${funnel} funnels=${funnels} state=${state} params=${params} go=${go}
          open=${(/** @type {Params} */ next, /** @type {boolean} */ replace) => open({ ...next, funnel: funnel.id }, replace)} ready=${setDrawn} />`
      : html`<${FunnelList} funnels=${funnels} state=${state} go=${go} open=${open} ready=${setDrawn} />`}
  <//>`;
}

/** What changes funnels.
 * @param {{ reload: () => void, open: (params: Params) => void, say: (said: Said) => void, setGone: (id: string) => void }} page */
function useActions({ reload, open, say, setGone }) {
  const changed = () => {
    forgetAnswers();
    reload();
  };
  /** @param {Funnel} funnel */
  const saved = (funnel) => {
    changed();
    open({ funnel: funnel.id });
    say({ text: t("funnelSaved", { name: funnel.name }) });
  };
  /** @param {any} failure */
  const fail = (failure) => say({ text: described(failure).message || t("offline") });
  /** Under its id, by which clients name it. @param {Funnel} funnel */
  const restore = ({ id, name, description, is_active, steps, ordering, scope, window_s, value }) => send("POST", LIST,
    { id, name, description, is_active, steps, ordering, scope, window_s, value }).then(() => {
    setGone("");
    changed();
    open({ funnel: id });
  }, fail);
  /** @param {Funnel} funnel */
  const remove = (funnel) => send("DELETE", "../v1/funnels/" + funnel.id).then(() => {
    setGone(funnel.id);
    changed();
    open({});
    say({ text: t("funnelDeleted", { name: funnel.name }), undo: () => restore(funnel) });
  }, fail);
  return { saved, remove };
}

/** What can be done with a funnel. @param {{ funnel: Funnel, state: State, open: (params: Params) => void, remove: () => void }} props */
function Tools({ funnel, state, open, remove }) {
  /** @param {string} icon @param {string} text @param {Params} params */
  const link = (icon, text, params) => html`<a class="btn" href=${addressOf(state, params)} onClick=${onPlainClick(() => open(params))}>
    <${Icon} name=${icon} />${text}</a>`;
  return html`${may("write") && html`${link("edit", t("editWord"), { edit: funnel.id })}${link("copy", t("duplicate"), { edit: "new", copy: funnel.id })}
      <button class="btn" onClick=${remove}><${Icon} name="trash" />${t("deleteWord")}</button>`}
    <a class="btn" href=${csvOfFunnel(funnel, state)} download><${Icon} name="download" />CSV</a>`;
}

/** @param {{ funnels: Funnel[], state: State, go: Go, open: (params: Params) => void, ready: (isReady: boolean) => void }} props */
function FunnelList({ funnels, state, go, open, ready }) {
  const { figures, error, retry, isDone } = useFigures(funnels, reportQuery(state).toString());
  useEffect(() => ready(isDone), [isDone]);
  const create = html`<a class="btn primary" href=${addressOf(state, { edit: "new" })} onClick=${onPlainClick(() => open({ edit: "new" }))}>
    <${Icon} name="plus" />${t("buildFunnel")}</a>`;
  if (!funnels.length) return html`<div class="card first-funnel"><${Empty} title=${t("noFunnels")}>${t("noFunnelsText")}<div>${create}</div><//></div>`;
  return html`<div class="page-tools">${create}</div>
    <${ReportProblem} error=${error} retry=${retry} go=${go} />
    <section class="card panel" aria-label=${t("funnels")}><table class="rates">
    <colgroup><col /><col class="c-v hide-small" /><col class="c-v" /><col class="c-v" /></colgroup>
    <thead><tr><th scope="col">${t("funnelWord")}</th><th scope="col" class="hide-small">${t("started")}</th><th scope="col">${t("converted")}</th><th scope="col">${t("rate")}</th></tr></thead>
    <tbody>${funnels.map((one) => html`<${FunnelRow} key=${one.id} funnel=${one} found=${figures[one.id]} state=${state} open=${open} />`)}</tbody>
  </table></section>`;
}

/** @param {{ funnel: Funnel, found?: Compared, state: State, open: (params: Params) => void }} props */
function FunnelRow({ funnel, found, state, open }) {
  const params = { funnel: funnel.id };
  return html`<tr>
    <td class="row tall"><span class="fill" style=${{ "--w": (found?.conversion_rate ?? 0) + "%" }}></span>
      <a class="cell" href=${addressOf(state, params)} onClick=${onPlainClick(() => open(params))}><span class="two"><b class="lbl">${funnel.name}</b>
        <span class="lbl muted">${funnel.steps.map(nameOfStep).join(" → ")}</span></span></a></td>
    <td class="n hide-small">${found ? exact(found.total_starts) : "…"}</td><td class="n">${found ? exact(found.total_conversions) : "…"}</td>
    <td class="v">${found ? rate(found.conversion_rate) : "…"}</td></tr>`;
}

/** The figures of all funnels, some at a time. @param {Funnel[]} funnels @param {string} query */
function useFigures(funnels, query) {
  const [found, setFound] = useState(/** @type {{ figures: Record<string, Compared>, error: Failure | null, isDone: boolean }} */ ({ figures: {},
    error: null, isDone: false }));
  const [attempt, setAttempt] = useState(0);
  const ids = funnels.map((one) => one.id);
  useEffect(() => {
    let isCurrent = true;
    const read = async () => {
      for (let at = 0; at < ids.length && isCurrent; at += BATCH) {
        const rows = await compareFunnels(ids.slice(at, at + BATCH), query);
        if (isCurrent) setFound((old) => ({ ...old, figures: { ...old.figures, ...Object.fromEntries(rows.map((row) => [row.funnel_id, row])) } }));
      }
    };
    setFound((old) => ({ ...old, error: null, isDone: false }));
    read().then(() => null, described).then((error) => isCurrent && setFound((old) => ({ ...old, error, isDone: true })));
    return () => {
      isCurrent = false;
    };
  }, [ids.join(), query, attempt]);
  return { ...found, retry: () => setAttempt(attempt + 1) };
}
