// Experiments: which variant leads more users to a goal, and what may be concluded (docs/experiments.md has the wording).
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, useReport } from "../app/api.js";
import { typeName, unescaped } from "../app/format.js";
import { useParams } from "../app/params.js";
import { SITE, reportQuery } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { Code } from "../parts/code.js";
import { Empty } from "../parts/rows.js";
import { ReportFoot, ReportFrame, ReportProblem } from "../parts/report_frame.js";
import { Result } from "../parts/experiment_result.js";

await addWords(() => import("../app/words_experiments.js"), () => import("../app/words_experiments_de.js"));

/** @typedef {Record<string, string>} Params */
/** @typedef {import("../parts/type_report.js").Property} Property */
/** @typedef {{ types: string[], goals: import("../app/goals.js").StoredGoal[] }} Known */

/** As the API names them; `weight`: with commas between several. */
const PARAMS = ["exposure_type", "variant", "goal", "control", "weight"];
const PROPERTY = "payload.";
const MOST = 100;

/** @param {{ pages: PageEntry[] }} props */
export default function ExperimentsPage({ pages }) {
  const { state, params, go, open } = useParams(PARAMS);
  const isChosen = Boolean(params.exposure_type && params.variant && params.goal);
  const [isDrawn, setDrawn] = useState(false);
  const known = useKnown(state);
  return html`<${ReportFrame} pages=${pages} name="experiments" title=${t("experiments")} intro=${t("experimentsIntro")} state=${state} go=${go}
      said=${null} silence=${() => {}} tools=${["filter", "period"]} isReady=${known !== null && (!isChosen || isDrawn)}>
    <${Form} key=${PARAMS.map((name) => params[name]).join("\n")} params=${params} known=${known} state=${state} open=${open} />
    <div class="main-gap"></div>
    ${isChosen ? html`<${Report} params=${params} known=${known} state=${state} go=${go} open=${open} ready=${setDrawn} />`
      : html`<section class="card" aria-label=${t("experiments")}><${Empty} title=${t("chooseExperiment")}>${t("chooseExperimentText")}<//><${Snippet} /></section>`}
  <//>`;
}

/** How a variant is told. @param {{ type?: string, property?: string }} props */
function Snippet({ type = "seen", property = "variant" }) {
  const payload = { [unescaped(property)]: "short" };
  const codes = [[t("trackCall"), `analytics(${JSON.stringify(type)}, ${JSON.stringify(payload)});`],
    [t("trackJson"), JSON.stringify({ type, user_id: "ann", payload })]];
  return html`<div class="snippets">${codes.map(([label, text]) => html`<div key=${label}><div class="code-head">${label}</div>
    <${Code} text=${text} label=${label} /></div>`)}</div>`;
}

/** The types and goals of the site to choose from. Null until they are known. @param {State} state @returns {Known | null} */
function useKnown(state) {
  const [lists, setLists] = useState(/** @type {Known | null} */ (null));
  const query = reportQuery(state, "").toString();
  useEffect(() => {
    const types = get(`reports/breakdown?${query}&dimension=type&limit=${MOST}`).then((list) =>
      list.rows.map((/** @type {Row} */ row) => row.value), () => []);
    const goals = get("goals?site=" + encodeURIComponent(SITE)).then((found) => found.goals, () => []);
    Promise.all([types, goals]).then(([foundTypes, foundGoals]) => setLists({ types: foundTypes, goals: foundGoals }));
  }, [query]);
  return lists;
}

/** The properties of an exposure to choose from. @param {State} state @param {string} exposure */
function useProperties(state, exposure) {
  const [properties, setProperties] = useState(/** @type {Property[]} */ ([]));
  const query = reportQuery(state, "").toString();
  useEffect(() => {
    setProperties([]);
    if (!exposure) return undefined;
    const abort = new AbortController();
    get(`reports/properties?${query}&type=${encodeURIComponent(exposure)}&limit=${MOST}`, abort.signal).then((found) =>
      setProperties(found.properties), () => {});
    return () => abort.abort();
  }, [query, exposure]);
  return properties;
}

/** @param {{ params: Params, known: Known | null, state: State, open: (params: Params) => void }} props */
function Form({ params, known, state, open }) {
  const [exposure, setExposure] = useState(params.exposure_type);
  const properties = useProperties(state, exposure);
  /** @param {any} event */
  const show = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const text = (/** @type {string} */ name) => String(form.get(name) ?? "").trim();
    open({ exposure_type: text("exposure_type"), variant: PROPERTY + text("variant"), goal: text("goal"), weight: text("weight").replace(/\s*,\s*/g, ",") });
  };
  return html`<form class="card experiment-form" onSubmit=${show}>
    <div class="fields">
      <label class="field">${t("exposure")}<input name="exposure_type" list="exposures" required maxlength="1024" autocomplete="off" placeholder="seen"
        title=${t("exposureHint")} defaultValue=${params.exposure_type} onChange=${(/** @type {any} */ event) => setExposure(event.target.value.trim())} /></label>
      <datalist id="exposures">${known?.types.map((one) => html`<option key=${one} value=${one} />`)}</datalist>
      <label class="field">${t("variantProperty")}<input name="variant" list="variants" required maxlength="1000" autocomplete="off" placeholder="variant"
        defaultValue=${params.variant.slice(PROPERTY.length)} /></label>
      <datalist id="variants">${properties.map((one) => html`<option key=${one.name} value=${one.property} />`)}</datalist>
      <${GoalSelect} chosen=${params.goal} known=${known} />
      <label class="field">${t("weights")}<input name="weight" maxlength="1000" autocomplete="off" placeholder=${t("weightsHint")} defaultValue=${params.weight.replaceAll(",", ", ")} /></label>
    </div>
    <div class="experiment-foot"><button class="btn primary">${t("showResult")}</button></div>
  </form>`;
}

/** @param {{ chosen: string, known: Known | null }} props */
function GoalSelect({ chosen, known }) {
  const isKnown = known && (known.goals.some((one) => one.id === chosen) || known.types.includes(chosen));
  return html`<label class="field">${t("goalOfExperiment")}<select name="goal" required key=${String(known !== null)}>
    <option value="">${t("chooseGoal")}</option>
    ${chosen && !isKnown && html`<option value=${chosen} selected>${chosen}</option>`}
    ${known && known.goals.length > 0 && html`<optgroup label=${t("goalsGroup")}>${known.goals.map((one) => html`<option key=${one.id} value=${one.id}
      selected=${one.id === chosen}>${one.name}</option>`)}</optgroup>`}
    ${known && known.types.length > 0 && html`<optgroup label=${t("eventsGroup")}>${known.types.map((one) => html`<option key=${one} value=${one}
      selected=${one === chosen}>${typeName(one)}</option>`)}</optgroup>`}
  </select></label>`;
}

/** @param {{ params: Params, known: Known | null, state: State, go: Go, open: (params: Params, replace?: boolean) => void,
 *   ready: (isReady: boolean) => void }} props */
function Report({ params, known, state, go, open, ready }) {
  const query = reportQuery(state);
  ["exposure_type", "variant", "goal", "control"].forEach((name) => params[name] && query.set(name, params[name]));
  params.weight.split(",").filter(Boolean).forEach((one) => query.append("weight", one));
  /** @type {Report<import("../parts/experiment_result.js").ExperimentData>} */
  const { data, error, isBusy, took, retry } = useReport("reports/experiment?" + query);
  const isReady = data !== null || error !== null;
  useEffect(() => ready(isReady), [isReady]);
  const goalName = known?.goals.find((one) => one.id === params.goal)?.name ?? params.goal;
  return html`<${ReportProblem} error=${error} meta=${data?.meta} retry=${retry} go=${go} />
    ${!data ? !error && html`<div class="card"><div class="skeleton list-sk"></div></div>` : !data.variants.length && !data.mixed_users
      ? html`<section class="card" aria-label=${t("experiments")}><${Empty} title=${t("noExposures")}>${t("noExposuresText")}<//>
        <${Snippet} type=${params.exposure_type} property=${params.variant.slice(PROPERTY.length)} /></section>`
      : html`<${Result} data=${data} isBusy=${isBusy} params=${params} goalName=${goalName} state=${state}
        setControl=${(/** @type {string} */ control) => open({ ...params, control }, true)} />`}
    ${data && html`<${ReportFoot} meta=${data.meta} took=${took} />`}`;
}
