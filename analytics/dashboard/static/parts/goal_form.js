// The form of a goal: what reaches it, and what a conversion is worth.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, send } from "../app/api.js";
import { PAGE_VIEW } from "../app/goals.js";
import { SITE, reportQuery } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { Dialog } from "./dialog.js";
import { Problem, described } from "./frame.js";
import { Where } from "./where.js";

await addWords(() => import("../app/words_goal_form.js"), () => import("../app/words_goal_form_de.js"));

/** @typedef {import("../app/goals.js").StoredGoal} StoredGoal */
/** @typedef {import("../app/goals.js").Definition} Definition */
/** @typedef {{ name: string, kind: "event" | "page", type: string, path: string, filter: string, worth: "none" | "property" | "fixed",
 *   property: string, amount: string, money: "none" | "fixed" | "property", currency: string, currencyProperty: string }} Draft */

const SUGGESTED = 50;

/** @param {Partial<StoredGoal>} [goal] @returns {Draft} */
export function draftOfGoal(goal = {}) {
  const isPage = Boolean(goal.path) && (goal.type ?? PAGE_VIEW) === PAGE_VIEW;
  const { property = "", amount = "", currency = "", currency_property: currencyProperty = "" } = goal.value ?? {};
  return {
    name: goal.name ?? "", kind: isPage ? "page" : "event", type: isPage ? "" : (goal.type ?? ""), path: goal.path ?? "", filter: goal.filter ?? "",
    worth: property ? "property" : amount ? "fixed" : "none", property, amount,
    money: currencyProperty ? "property" : currency ? "fixed" : "none", currency, currencyProperty,
  };
}

/** What the API stores: every part, so that a change removes what is not there. @param {Draft} draft */
export function bodyOfGoal(draft) {
  const isPage = draft.kind === "page";
  const currency = draft.money === "fixed" ? { currency: draft.currency.trim() }
    : draft.money === "property" && draft.worth === "property" ? { currency_property: draft.currencyProperty.trim() } : {};
  const value = draft.worth === "property" ? { property: draft.property.trim(), ...currency }
    : draft.worth === "fixed" ? { amount: draft.amount.trim().replace(",", "."), ...currency } : null;
  return { name: draft.name.trim(), type: isPage ? null : draft.type.trim(), path: draft.path.trim() || null, filter: draft.filter || null, value };
}

/** `goal`: the one to change, or without an id what a new one begins with.
 * @param {{ goal?: Partial<StoredGoal>, state: State, saved: (goal: StoredGoal, before?: Partial<StoredGoal>) => void, close: () => void }} props */
export default function GoalForm({ goal, state, saved, close }) {
  const [draft, setDraft] = useState(() => draftOfGoal(goal));
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const known = useKnown(state);
  const set = (/** @type {Partial<Draft>} */ change) => setDraft((old) => ({ ...old, ...change }));
  /** @param {Event} event */
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const body = bodyOfGoal(draft);
      const stored = goal?.id ? await send("PATCH", `goals/${goal.id}`, body) : await send("POST", "goals", { site: SITE, ...present(body) });
      close();
      saved(stored, goal?.id ? goal : undefined);
    } catch (failure) {
      setError(described(failure));
      setBusy(false);
    }
  };
  const isPage = draft.kind === "page";
  return html`<${Dialog} title=${t(goal?.id ? "editGoal" : "newGoal")} close=${close}>
    <form onSubmit=${save}>
      <${Text} name="goalName" value=${draft.name} set=${(/** @type {string} */ name) => set({ name })} isRequired=${true} most=${200} isFirst=${true} />
      <${Choice} name="goalKind" value=${draft.kind} set=${(/** @type {any} */ kind) => set({ kind })} options=${{ event: "kindEvent", page: "kindPage" }} />
      ${!isPage && html`<${Text} name="goalType" value=${draft.type} set=${(/** @type {string} */ type) => set({ type })} isRequired=${true} known=${known.types} />`}
      <${Text} name=${isPage ? "goalPath" : "goalPathOfType"} value=${draft.path} set=${(/** @type {string} */ path) => set({ path })} isRequired=${isPage}
        hint=${t("goalPathHint")} known=${known.paths} />
      <div class="field">${t("goalFilter")}<${Where} state=${{ ...state, filter: draft.filter }} isOfEvents=${true}
        change=${(/** @type {string} */ filter) => set({ filter })} /></div>
      <${Choice} name="goalValue" value=${draft.worth} set=${(/** @type {any} */ worth) => set({ worth })}
        options=${{ none: "valueNone", property: "valueProperty", fixed: "valueFixed" }} />
      ${draft.worth === "property" && html`<${Text} name="valueProperty_" value=${draft.property} isRequired=${true} hint="total"
        set=${(/** @type {string} */ property) => set({ property })} />`}
      ${draft.worth === "fixed" && html`<${Text} name="amount" value=${draft.amount} isRequired=${true} hint="9.90" set=${(/** @type {string} */ amount) => set({ amount })} />`}
      ${draft.worth !== "none" && html`<${Choice} name="currency" value=${draft.money} set=${(/** @type {any} */ money) => set({ money })}
        options=${{ none: "currencyNone", fixed: "currencyFixed", ...(draft.worth === "property" && { property: "currencyFrom" }) }} />`}
      ${draft.worth !== "none" && draft.money === "fixed" && html`<${Text} name="currencyFixed" value=${draft.currency} isRequired=${true} hint="EUR" most=${3}
        set=${(/** @type {string} */ currency) => set({ currency })} />`}
      ${draft.worth === "property" && draft.money === "property" && html`<${Text} name="currencyProperty" value=${draft.currencyProperty} isRequired=${true}
        hint="currency" set=${(/** @type {string} */ currencyProperty) => set({ currencyProperty })} />`}
      <${Problem} error=${error} />
      <div class="dlg-foot"><button type="button" class="btn" onClick=${close}>${t("cancel")}</button>
        <button class="btn primary" disabled=${isBusy}>${t(goal?.id ? "save" : "create")}</button></div>
    </form>
  <//>`;
}

/** Without parts that are null: a new goal has none to remove. @param {Record<string, unknown>} body */
export const present = (body) => Object.fromEntries(Object.entries(body).filter(([, part]) => part !== null));

/** @param {{ name: Word, value: string, set: (text: string) => void, isRequired?: boolean, hint?: string, most?: number, known?: string[],
 *   isFirst?: boolean }} props */
const Text = ({ name, value, set, isRequired, hint, most = 1024, known, isFirst }) => html`<label class="field">${t(name)}
  <input value=${value} required=${isRequired} maxlength=${most} placeholder=${hint} autocomplete="off" list=${known && "known-" + name} data-focus=${isFirst}
    onInput=${(/** @type {any} */ event) => set(event.target.value)} />
  ${known && html`<datalist id=${"known-" + name}>${known.map((one) => html`<option key=${one} value=${one} />`)}</datalist>`}</label>`;

/** @param {{ name: Word, value: string, set: (value: string) => void, options: Record<string, Word> }} props */
const Choice = ({ name, value, set, options }) => html`<label class="field">${t(name)}
  <select value=${value} onChange=${(/** @type {any} */ event) => set(event.target.value)}>
    ${Object.entries(options).map(([key, word]) => html`<option key=${key} value=${key}>${t(word)}</option>`)}</select></label>`;

/** Frequent types and pages of the period. @param {State} state */
function useKnown(state) {
  const [known, setKnown] = useState({ types: /** @type {string[]} */ ([]), paths: /** @type {string[]} */ ([]) });
  useEffect(() => {
    const query = `${reportQuery(state, "")}&limit=${SUGGESTED}&dimension=`;
    const values = (/** @type {List} */ list) => list.rows.flatMap((row) => row.value ?? []);
    get("reports/breakdown?" + query + "type").then((list) => setKnown((old) => ({ ...old, types: values(list) })), () => {});
    get("reports/breakdown?" + query + "path").then((list) => setKnown((old) => ({ ...old, paths: values(list) })), () => {});
  }, []);
  return known;
}
