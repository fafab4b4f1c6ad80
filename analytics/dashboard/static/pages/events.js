// Goals and events of a site: the lists with their trends, the report on one type or goal, and the form of goals.
import { html, useCallback, useEffect, useState } from "../vendor/preact.js";
import { forgetAnswers, send, useModule, useReport } from "../app/api.js";
import { typeName } from "../app/format.js";
import { withCompare, wordsOfGoal } from "../app/goals.js";
import { Icon } from "../app/icons.js";
import { addressOf, onPlainClick, useParams } from "../app/params.js";
import { SITE, may, periodOf, reportQuery } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { described } from "../parts/frame.js";
import { GoalList } from "../parts/goal_list.js";
import { Empty } from "../parts/rows.js";
import { ReportFoot, ReportFrame, ReportProblem } from "../parts/report_frame.js";
import { TypeList } from "../parts/type_list.js";

await addWords(() => import("../app/words_events.js"), () => import("../app/words_events_de.js"));

/** @typedef {import("../app/goals.js").StoredGoal} StoredGoal */
/** @typedef {import("../app/goals.js").GoalRow} GoalRow */
/** @typedef {Record<string, string>} Params */

/** `type`, `goal`: the report on it; `by`: its dimension, `prop`: its property, `measure`: in its chart. */
const PARAMS = ["type", "goal", "by", "prop", "measure"];
const GOALS = "goals?site=" + encodeURIComponent(SITE);
const MOST_TYPES = 200;

/** @param {{ pages: PageEntry[] }} props */
export default function EventsPage({ pages }) {
  const { state, params, go, open } = useParams(PARAMS);
  const [isDrawn, setDrawn] = useState(false);
  const [said, say] = useState(/** @type {Said | null} */ (null));
  const [form, setForm] = useState(/** @type {Partial<StoredGoal> | null} */ (null));
  const [version, setVersion] = useState(0);
  const isList = !params.type && !params.goal;
  /** @type {Report<{ goals: StoredGoal[] }>} */
  const stored = useReport(GOALS);
  const goal = stored.data?.goals.find((one) => one.id === params.goal);
  const isMissing = Boolean(params.goal && stored.data && !goal && !stored.isBusy);
  const typeReport = useModule(Boolean(params.type), () => import("../parts/type_report.js"));
  const goalReport = useModule(Boolean(params.goal), () => import("../parts/goal_report.js"));
  const goalForm = useModule(form !== null, () => import("../parts/goal_form.js"));
  const changed = () => {
    forgetAnswers();
    stored.retry();
    setVersion((n) => n + 1);
  };
  const act = useActions({ changed, open, say });
  const openWith = useCallback((/** @type {Params} */ next, /** @type {boolean} */ replace) => open({ ...(params.type ? { type: params.type }
    : { goal: params.goal }), ...next }, replace), [params.type, params.goal]);
  const title = params.type ? typeName(params.type) : (goal?.name ?? t("eventsTitle"));
  const intro = params.type ? undefined : goal ? wordsOfGoal(goal) : t("eventsIntro");
  return html`<${ReportFrame} pages=${pages} name="events" title=${title} intro=${intro} state=${state} go=${go} said=${said}
      silence=${() => say(null)} back=${!isList && html`<a class="text-btn back" href=${addressOf(state, {})} onClick=${onPlainClick(() => open({}))}>
        <${Icon} name="back" size="14" />${t("allEvents")}</a>`} tools=${["filter", "compare", "period"]} isReady=${isDrawn || isMissing}>
    ${(goal || params.type) && may("write") && html`<div class="page-tools"><span class="push"></span>
      ${goal && html`<button class="btn" onClick=${() => setForm(goal)}><${Icon} name="edit" />${t("changeGoal")}</button>
        <button class="btn" onClick=${() => act.remove(goal)}><${Icon} name="trash" />${t("deleteWord")}</button>`}
      ${params.type && html`<button class="btn" onClick=${() => setForm({ type: params.type, name: typeName(params.type) })}>
        <${Icon} name="flag" />${t("makeGoal")}</button>`}</div>`}
    ${params.goal && stored.error && html`<${ReportProblem} error=${stored.error} retry=${stored.retry} go=${go} />`}
    ${isMissing && html`<div class="card"><${Empty} title=${t("noSuchGoal")}>${t("noSuchGoalText")}<//></div>`}
    ${isList && html`<${Lists} key=${version} state=${state} go=${go} open=${open} ready=${setDrawn} create=${() => setForm({})} />`}
    ${params.type && typeReport && html`<${typeReport.default} key=${params.type} type=${params.type} state=${state} params=${params} go=${go}
      open=${openWith} ready=${setDrawn} />`}
    ${goal && goalReport && html`<${goalReport.default} key=${goal.id + version} goal=${goal} state=${state} params=${params} go=${go}
      open=${openWith} ready=${setDrawn} />`}
  <//>
  ${form && goalForm && html`<${goalForm.default} goal=${form} state=${state} close=${() => setForm(null)} saved=${act.saved} />`}`;
}

/** What changes goals. @param {{ changed: () => void, open: (params: Params) => void, say: (said: Said) => void }} page */
function useActions({ changed, open, say }) {
  /** @param {any} failure */
  const fail = (failure) => say({ text: described(failure).message || t("offline") });
  /** @param {StoredGoal} goal */
  const partsOf = ({ name, type, path, filter, value }) => ({ name, type, path, filter, value });
  /** @param {StoredGoal} goal @param {StoredGoal} [before] */
  const saved = (goal, before) => {
    changed();
    open({ goal: goal.id });
    const undo = () => before && send("PATCH", `goals/${goal.id}`, partsOf(before)).then(changed, fail);
    say({ text: t("goalSaved", { name: goal.name }), undo: before && undo });
  };
  /** Under its id, so that links to it hold. @param {StoredGoal} goal */
  const restore = (goal) => {
    const parts = Object.entries(partsOf(goal)).filter(([, part]) => part !== null);
    return send("POST", "goals", { site: SITE, id: goal.id, ...Object.fromEntries(parts) }).then(() => {
      changed();
      open({ goal: goal.id });
    }, fail);
  };
  /** @param {StoredGoal} goal */
  const remove = (goal) => send("DELETE", `goals/${goal.id}`).then(() => {
    changed();
    open({});
    say({ text: t("goalDeleted", { name: goal.name }), undo: () => restore(goal) });
  }, fail);
  return { saved, remove };
}

/** dashboard/shell.py builds the address of the types too.
 * @param {{ state: State, go: Go, open: (params: Params) => void, ready: (isReady: boolean) => void, create: () => void }} props */
function Lists({ state, go, open, ready, create }) {
  const query = reportQuery(state);
  /** @type {Report<{ goals: GoalRow[], meta: Meta }>} */
  const goals = useReport("reports/goals?" + withCompare(query, state));
  query.set("granularity", unitOfTrend(state));
  query.set("limit", String(MOST_TYPES));
  /** @type {Report<import("../parts/type_list.js").EventTypes>} */
  const types = useReport("reports/event-types?" + withCompare(query, state));
  const isDone = [goals, types].every((one) => !one.isBusy && (one.data !== null || one.error !== null));
  useEffect(() => ready(isDone), [isDone]);
  const error = types.error ?? goals.error;
  const retry = () => {
    goals.retry();
    types.retry();
  };
  return html`<${ReportProblem} error=${error} meta=${types.data?.meta} retry=${retry} go=${go} />
    <${GoalList} goals=${goals.data?.goals ?? null} isBusy=${goals.isBusy && goals.data !== null} state=${state} open=${open} create=${create} />
    <div class="main-gap"></div>
    <${TypeList} data=${types.data} isBusy=${types.isBusy && types.data !== null} state=${state} open=${open} />
    ${types.data && html`<${ReportFoot} meta=${types.data.meta} took=${types.took} />`}`;
}

/** A spark has some thirty bars. @param {State} state */
function unitOfTrend(state) {
  const [, days] = periodOf(state);
  return days <= 31 ? "day" : days <= 210 ? "week" : "month";
}
