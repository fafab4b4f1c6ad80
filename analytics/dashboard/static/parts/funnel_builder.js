// The form of a funnel: its steps, how they are counted, and what it would show, before anything is saved.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { get, send } from "../app/api.js";
import { MAX_STEPS, MIN_STEPS, UNITS, definitionOf, draftOf, eventOf, move, nameOfDraft, newStep, pathOf, withEvent,
  withPath } from "../app/funnel.js";
import { Icon } from "../app/icons.js";
import { SITE, may, reportQuery } from "../app/state.js";
import { t } from "../app/words.js";
import { FunnelSteps, rate } from "../charts/funnel.js";
import { periodName } from "./dates.js";
import { Problem, described } from "./frame.js";
import { Empty } from "./panel.js";
import { Where } from "./where.js";

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {import("../app/funnel.js").Draft} Draft */
/** @typedef {import("../app/funnel.js").DraftStep} DraftStep */
/** @typedef {import("../app/funnel.js").Funnel} Funnel */
/** Frequent pages and events of the period. @typedef {{ path: string[], type: string[] }} Known */

const SUGGESTED = 50;
/** How many of them are shown as buttons. */
const PICKS = 6;
/** A preview is counted when nobody has changed anything for so long. */
const PAUSE_MS = 400;

/** `funnel`: the one to change; `copy`: the one to begin with.
 * @param {{ funnel?: Funnel, copy?: Funnel, state: State, saved: (funnel: Funnel) => void, cancel: () => void }} props */
export default function FunnelBuilder({ funnel, copy, state, saved, cancel }) {
  const [draft, set, forget] = useDraft(funnel, copy);
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const definition = definitionOf(draft);
  const save = async () => {
    setBusy(true);
    setError(null);
    const body = { ...definition, name: nameOfDraft(draft), description: draft.description.trim() };
    try {
      const answer = funnel ? await send("PUT", "../v1/funnels/" + funnel.id, body)
        : await send("POST", "../v1/funnels/?site=" + encodeURIComponent(SITE), body);
      forget();
      saved(answer.funnel ?? answer.data);
    } catch (failure) {
      setError(described(failure));
      setBusy(false);
    }
  };
  return html`<div class="builder">
    <section class="card pad" aria-label=${t("stepsTitle")}>
      <label class="field">${t("funnelName")}<input maxlength="200" value=${draft.name} placeholder=${definition ? nameOfDraft(draft) : t("funnelNameHint")}
        onInput=${(/** @type {any} */ event) => set({ name: event.target.value })} /></label>
      <h2 class="card-title">${t("stepsTitle")}</h2>
      <${Steps} draft=${draft} set=${set} state=${state} />
      <${Rules} draft=${draft} set=${set} />
      <${Problem} error=${error} />
      <div class="order-foot">
        <span class="muted">${definition ? "" : t("incomplete")}</span><span class="push"></span>
        <button class="btn" onClick=${() => { forget(); cancel(); }}>${t("cancel")}</button>
        ${may("write") ? html`<button class="btn primary" disabled=${!definition || isBusy} onClick=${save}>${t(funnel ? "saveFunnel" : "createFunnel")}</button>`
          : html`<span class="muted">${t("noWrite")}</span>`}
      </div>
    </section>
    <${Preview} definition=${definition} state=${state} />
  </div>`;
}

/** The form's values, kept for this tab while they are not saved: reloading the page loses nothing.
 * @param {Funnel} [funnel] @param {Funnel} [copy]
 * @returns {[Draft, (change: Partial<Draft>) => void, () => void]} */
function useDraft(funnel, copy) {
  const name = `funnel ${SITE} ${funnel?.id ?? ""} ${funnel?.updated_at ?? ""} ${copy?.id ?? ""}`;
  const [draft, setDraft] = useState(() => readDraft(name) ?? { ...draftOf(funnel ?? copy), ...(copy && { name: t("copyOf", { name: copy.name }).slice(0, 200) }) });
  const set = (/** @type {Partial<Draft>} */ change) => setDraft((old) => {
    const next = { ...old, ...change };
    store(name, JSON.stringify(next));
    return next;
  });
  return [draft, set, () => store(name, null)];
}

/** @param {string} name @returns {Draft | null} */
function readDraft(name) {
  try {
    const draft = JSON.parse(sessionStorage.getItem(name) ?? "null");
    return draft && { ...draft, steps: draft.steps.map((/** @type {DraftStep} */ step) => ({ ...step, key: newStep().key })) };
  } catch {
    return null;
  }
}

/** @param {string} name @param {string | null} text */
function store(name, text) {
  try {
    if (text === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, text);
  } catch {
    // Storage is refused or full: the draft lives as long as the page.
  }
}

/** @param {{ draft: Draft, set: (change: Partial<Draft>) => void, state: State }} props */
function Steps({ draft, set, state }) {
  const known = useKnown(state);
  const list = /** @type {{ current: HTMLElement }} */ (useRef());
  const [said, setSaid] = useState("");
  // What gets the focus when the list is drawn again.
  const wanted = useRef("");
  const { steps } = draft;
  const current = useRef(steps);
  current.current = steps;
  useEffect(() => {
    const found = wanted.current && /** @type {HTMLElement | null} */ (list.current.querySelector(wanted.current));
    wanted.current = "";
    if (found) found.focus();
  }, [steps]);
  const change = (/** @type {number} */ index, /** @type {Partial<DraftStep>} */ some) =>
    set({ steps: steps.map((one, at) => (at === index ? { ...one, ...some } : one)) });
  /** @param {number} from @param {number} to */
  const place = (from, to) => {
    set({ steps: move(current.current, from, to) });
    setSaid(t("movedTo", { n: to + 1, all: steps.length }));
  };
  /** @param {number} from @param {number} to */
  const press = (from, to) => {
    const button = to < from ? (to ? "up" : "down") : to < steps.length - 1 ? "down" : "up";
    wanted.current = `[data-step="${steps[from].key}"] [data-do="${button}"]`;
    place(from, to);
  };
  const add = () => {
    const step = newStep(steps[steps.length - 1]?.type);
    wanted.current = `[data-step="${step.key}"] input`;
    set({ steps: [...steps, step] });
  };
  /** @param {number} index */
  const remove = (index) => {
    wanted.current = `[data-step="${(steps[index + 1] ?? steps[index - 1]).key}"] input`;
    set({ steps: steps.toSpliced(index, 1) });
  };
  return html`<ol class="bsteps" ref=${list}>${steps.map((step, index) => html`<${StepFields} key=${step.key} step=${step} index=${index}
      count=${steps.length} known=${known} state=${state} change=${(/** @type {Partial<DraftStep>} */ some) => change(index, some)}
      press=${(/** @type {number} */ to) => press(index, to)} remove=${() => remove(index)}
      drag=${() => follow(list.current, () => current.current.findIndex((one) => one.key === step.key), place)} />`)}</ol>
    <div class="vh" role="status">${said}</div>
    ${steps.length < MAX_STEPS && html`<button class="btn" onClick=${add}><${Icon} name="plus" />${t("addStep")}</button>`}
    ${["path", "type"].map((name) => html`<datalist id=${"known-" + name} key=${name}>
      ${known[/** @type {keyof Known} */ (name)].map((one) => html`<option key=${one} value=${one}></option>`)}</datalist>`)}`;
}

/** Moves a step with the pointer until it is let go. `find`: where the step is now.
 * @param {HTMLElement} list @param {() => number} find @param {(from: number, to: number) => void} place */
function follow(list, find, place) {
  /** @param {PointerEvent} event */
  const onMove = (event) => {
    const from = find();
    const middles = [...list.children].map((one) => one.getBoundingClientRect()).map((box) => box.top + box.height / 2);
    const to = middles.filter((middle, at) => at !== from && middle < event.clientY).length;
    if (to !== from) place(from, to);
  };
  const stop = () => {
    removeEventListener("pointermove", onMove);
    removeEventListener("pointerup", stop);
    removeEventListener("pointercancel", stop);
  };
  addEventListener("pointermove", onMove);
  addEventListener("pointerup", stop);
  addEventListener("pointercancel", stop);
}

/** @param {{ step: DraftStep, index: number, count: number, known: Known, state: State,
 *   change: (some: Partial<DraftStep>) => void, press: (to: number) => void, remove: () => void, drag: () => void }} props */
function StepFields({ step, index, count, known, state, change, press, remove, drag }) {
  const isPage = step.type === "page";
  const { condition } = step;
  const value = isPage ? pathOf(condition) : eventOf(condition);
  /** @param {string} text */
  const choose = (text) => change({ condition: isPage ? withPath(condition, text) : withEvent(condition, text) });
  /** @param {string} type */
  const setType = (type) => type !== step.type && change({ type, condition: condition.filter ? { filter: condition.filter } : {} });
  const n = index + 1;
  const button = (/** @type {string} */ what, /** @type {Word} */ word, /** @type {boolean} */ isOff, /** @type {() => void} */ run) =>
    html`<button class="iconbtn" data-do=${what} aria-label=${t(word, { n })} title=${t(word, { n })} disabled=${isOff} onClick=${run}>
      <${Icon} name=${what} /></button>`;
  return html`<li class="bstep" data-step=${step.key}>
    <div class="bstep-top">
      ${count > 1 && html`<span class="grip" onPointerDown=${(/** @type {PointerEvent} */ event) => { event.preventDefault(); drag(); }}><${Icon} name="grip" /></span>`}
      <span class="fstep-no">${n}</span>
      <span class="seg" role="group" aria-label=${t("kindOfStep", { n })}>
        <button aria-pressed=${isPage} onClick=${() => setType("page")}>${t("pageView")}</button>
        <button aria-pressed=${!isPage} onClick=${() => setType("event")}>${t("eventWord")}</button></span>
      <span class="grow"></span>
      ${button("up", "moveUp", index === 0, () => press(index - 1))}${button("down", "moveDown", index === count - 1, () => press(index + 1))}
      ${button("trash", "removeStep", count <= MIN_STEPS, remove)}
    </div>
    <label class="field">${t(isPage ? "pathField" : "eventField")}<input value=${value} autocomplete="off" maxlength="1024"
      list=${isPage ? "known-path" : "known-type"} placeholder=${isPage ? "/pricing" : "signup"}
      onInput=${(/** @type {any} */ event) => choose(event.target.value)} /></label>
    ${!value && html`<${Picks} values=${isPage ? known.path : known.type} choose=${choose} />`}
    ${isPage && value.includes("*") && html`<p class="muted hint">${t("starHint")}</p>`}
    <details class="more-fields" open=${Boolean(step.name || condition.filter || (!isPage && pathOf(condition)))}>
      <summary>${t("moreOfStep")}</summary>
      <label class="field">${t("stepName")}<input maxlength="200" value=${step.name} onInput=${(/** @type {any} */ event) => change({ name: event.target.value })} /></label>
      ${!isPage && html`<label class="field">${t("onPage")}<input value=${pathOf(condition)} list="known-path" autocomplete="off" maxlength="1024" placeholder="/checkout/*"
        onInput=${(/** @type {any} */ event) => change({ condition: withPath(condition, event.target.value) })} /></label>`}
      <${Where} state=${{ ...state, filter: condition.filter ?? "" }} isOfEvents=${true}
        change=${(/** @type {string} */ filter) => change({ condition: { ...condition, filter } })} />
    </details>
  </li>`;
}

/** Frequent values as buttons, so that nobody has to know how they are written.
 * @param {{ values: string[], choose: (value: string) => void }} props */
function Picks({ values, choose }) {
  if (!values.length) return null;
  return html`<div class="picks" role="group" aria-label=${t("often")}><span class="muted">${t("often")}</span>
    ${values.slice(0, PICKS).map((one) => html`<button key=${one} class="pick" title=${one} onClick=${() => choose(one)}>${one}</button>`)}</div>`;
}

/** How the steps are counted. @param {{ draft: Draft, set: (change: Partial<Draft>) => void }} props */
function Rules({ draft, set }) {
  const units = Object.entries(UNITS).map(([word, seconds]) => ({ seconds, text: t(/** @type {Word} */ (word)) }));
  // A window of the API may be any number of seconds.
  if (draft.unit === 1) units.unshift({ seconds: 1, text: t("seconds") });
  /** @param {"ordering" | "scope"} name @param {Word} word @param {string[]} values */
  const choice = (name, word, values) => html`<label class="field">${t(word)}<select value=${draft[name]}
    onChange=${(/** @type {any} */ event) => set({ [name]: event.target.value })}>
    ${values.map((one) => html`<option key=${one} value=${one}>${t(/** @type {Word} */ (`${name}_${one}`))}</option>`)}</select></label>`;
  return html`<h2 class="card-title">${t("rulesTitle")}</h2><div class="fields">
      ${choice("scope", "countField", ["user", "visit"])}
      ${choice("ordering", "orderField", ["ordered", "strict"])}
      <div class="pair"><label class="field">${t("windowField")}<input type="number" min="1" max="527040" value=${draft.window}
          onInput=${(/** @type {any} */ event) => set({ window: event.target.value })} /></label>
        <label class="field"><span class="vh">${t("windowUnit")}</span><select value=${String(draft.unit)}
          onChange=${(/** @type {any} */ event) => set({ unit: Number(event.target.value) })}>
          ${units.map((one) => html`<option key=${one.seconds} value=${String(one.seconds)}>${one.text}</option>`)}</select></label></div>
      <label class="field">${t("valueField")}<input maxlength="200" value=${draft.value} placeholder="total"
        onInput=${(/** @type {any} */ event) => set({ value: event.target.value })} /></label>
    </div>
    <p class="muted hint">${t(draft.ordering === "strict" ? "strictText" : "orderedText")}</p>
    <label class="field">${t("description")}<input maxlength="2000" value=${draft.description} onInput=${(/** @type {any} */ event) => set({ description: event.target.value })} /></label>`;
}

/** @param {State} state @returns {Known} */
function useKnown(state) {
  const [known, setKnown] = useState(/** @type {Known} */ ({ path: [], type: [] }));
  const query = reportQuery(state, "").toString();
  useEffect(() => {
    const abort = new AbortController();
    /** @param {keyof Known} name */
    const ask = (name) => get(`reports/breakdown?${query}&dimension=${name}&limit=${SUGGESTED}`, abort.signal).then((/** @type {List} */ list) =>
      setKnown((old) => ({ ...old, [name]: list.rows.flatMap((row) => (row.value && row.value !== "page_view" ? row.value : [])) })), () => {});
    ask("path");
    ask("type");
    return () => abort.abort();
  }, [query]);
  return known;
}

/** What the funnel shows before it is saved, in the page's period and filter.
 * @param {{ definition: ReturnType<typeof definitionOf>, state: State }} props */
function Preview({ definition, state }) {
  const [found, setFound] = useState(/** @type {{ data: any, error: Failure | null, isBusy: boolean }} */ ({ data: null, error: null, isBusy: false }));
  const [attempt, setAttempt] = useState(0);
  const body = definition && JSON.stringify(definition);
  const query = reportQuery(state).toString();
  useEffect(() => {
    if (!body) return setFound({ data: null, error: null, isBusy: false });
    let isCurrent = true;
    setFound((old) => ({ ...old, isBusy: true }));
    const timer = setTimeout(() => send("POST", "reports/funnel?" + query, JSON.parse(body)).then(
      (data) => isCurrent && setFound({ data, error: null, isBusy: false }),
      (failure) => isCurrent && setFound({ data: null, error: described(failure), isBusy: false }),
    ), PAUSE_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [body, query, attempt]);
  const { data, error, isBusy } = found;
  return html`<section class=${"card pad preview-card" + (isBusy ? " busy" : "")} aria-label=${t("previewTitle")} aria-busy=${isBusy}>
    <h2 class="card-title">${t("previewTitle")} <span class="muted">${periodName(state)}</span></h2>
    <${Problem} error=${error} retry=${() => setAttempt(attempt + 1)} />
    ${!data && !error && (body ? html`<div class="skeleton preview-sk"></div>` : html`<${Empty} title=${t("previewWaits")}>${t("incomplete")}<//>`)}
    ${data && html`<p class="preview-rate num" role="status"><b>${rate(data.conversion_rate)}</b> ${t("ofStarts", { n: data.total_conversions, all: data.total_starts })}</p>
      ${data.total_starts ? html`<${FunnelSteps} rows=${data.step_analytics} definition=${data.definition} />`
        : html`<${Empty} title=${t("noStarts")}>${t("noStartsText")}<//>`}`}
  </section>`;
}
