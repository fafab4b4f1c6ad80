// A funnel as the API has it and as a form changes it, and what its steps are in words. No markup.
import { describe } from "./format.js";
import { t } from "./words.js";
import { parseFilter } from "../parts/filters.js";

/** @typedef {Record<string, string>} Condition Part of the API → text. */
/** @typedef {{ id: string, name: string, type: string, condition: Condition, order: number }} Step */
/** @typedef {{ steps: Step[], ordering: string, scope: string, window_s: number, value: string | null }} Definition */
/** @typedef {Definition & { id: string, name: string, description: string, is_active: boolean, updated_at: string }} Funnel */
/** `key`: tells the steps of a form apart while they move. @typedef {{ key: number, id: string, name: string, type: string,
 *   condition: Condition }} DraftStep */
/** `window`: how many `unit`, which is in seconds. @typedef {{ name: string, description: string, steps: DraftStep[],
 *   ordering: string, scope: string, window: string, unit: number, value: string }} Draft */

const PATH_PARTS = ["page", "path"];
const EVENT_PARTS = ["event", "custom", "type"];
export const MIN_STEPS = 2;
export const MAX_STEPS = 20;
/** Units of the window by their names. @type {Record<string, number>} */
export const UNITS = { minutes: 60, hours: 3600, days: 86400 };
const MAX_NAME = 200;

let keys = 0;
/** @returns {DraftStep} */
export const newStep = (type = "page") => ({ key: ++keys, id: "", name: "", type, condition: {} });

/** What a form begins with: a funnel, or nothing. @param {Funnel} [funnel] @returns {Draft} */
export function draftOf(funnel) {
  if (!funnel) return { name: "", description: "", steps: [newStep(), newStep()], ordering: "ordered", scope: "user", window: "7",
    unit: UNITS.days, value: "" };
  const { name, description, ordering, scope, window_s, value } = funnel;
  const unit = Object.values(UNITS).findLast((one) => window_s % one === 0) ?? 1;
  const steps = funnel.steps.map((step) => ({ ...newStep(step.type), id: step.id, name: step.name, condition: step.condition }));
  return { name, description, steps, ordering, scope, window: String(window_s / unit), unit, value: value ?? "" };
}

/** @param {Condition} condition @param {string[]} parts */
const partOf = (condition, parts) => parts.find((one) => condition[one]) ?? parts[0];
/** @param {Condition} condition */
export const pathOf = (condition) => condition[partOf(condition, PATH_PARTS)] ?? "";
/** @param {Condition} condition */
export const eventOf = (condition) => condition[partOf(condition, EVENT_PARTS)] ?? "";
/** @param {Condition} condition @param {string} text @returns {Condition} */
export const withPath = (condition, text) => ({ ...condition, [partOf(condition, PATH_PARTS)]: text });
/** @param {Condition} condition @param {string} text @returns {Condition} */
export const withEvent = (condition, text) => ({ ...condition, [partOf(condition, EVENT_PARTS)]: text });

/** The parts that say something. @param {Condition} condition @returns {Condition} */
const filled = (condition) => Object.fromEntries(Object.entries(condition).map(([part, text]) => [part, text.trim()]).filter(([, text]) => text));

/** Whether a step asks for anything. @param {DraftStep} step */
export const isComplete = ({ condition }) => Object.keys(filled(condition)).length > 0;

/** The definition for the API; null: something is missing. @param {Draft} draft @returns {Omit<Definition, "steps"> & { steps: unknown[] } | null} */
export function definitionOf(draft) {
  const window_s = Math.round(Number(draft.window) * draft.unit);
  if (!draft.steps.every(isComplete) || !(window_s > 0)) return null;
  const taken = new Set(draft.steps.map((step) => step.id));
  let last = 0;
  const freeId = () => {
    do last += 1; while (taken.has(String(last)));
    return String(last);
  };
  const steps = draft.steps.map((step, index) => ({ id: step.id || freeId(), name: step.name.trim(), type: step.type,
    condition: filled(step.condition), order: index + 1 }));
  return { steps, ordering: draft.ordering, scope: draft.scope, window_s, value: draft.value.trim() || null };
}

/** The list with the element at `from` in the place `to`. @template T @param {T[]} list @param {number} from @param {number} to */
export function move(list, from, to) {
  const rest = list.toSpliced(from, 1);
  return rest.toSpliced(to, 0, list[from]);
}

/** What a step asks for, in words. @param {{ type: string, condition: Condition }} step */
export function wordsOfStep({ type, condition }) {
  const given = filled(condition);
  const events = EVENT_PARTS.flatMap((part) => given[part] ?? []);
  const paths = PATH_PARTS.flatMap((part) => given[part] ?? []).map((one) => (one === "*" ? t("anyPage") : one));
  const main = events.length && paths.length ? t("eventOnPage", { event: events.join(" + "), page: paths.join(" + ") })
    : [...events, ...paths].join(" + ") || (type === "page" ? t("anyPage") : t("anyEvent"));
  const filter = parseFilter(given.filter ?? "").map(describe).map((term) => `${term.name} ${term.values}`.trim());
  return [main, ...filter].join(" · ");
}

/** @param {{ name: string, type: string, condition: Condition }} step */
export const nameOfStep = (step) => step.name.trim() || wordsOfStep(step);

/** The name of a funnel that was given none. @param {Draft} draft */
export const nameOfDraft = ({ name, steps }) => name.trim()
  || `${nameOfStep(steps[0])} → ${nameOfStep(steps[steps.length - 1])}`.slice(0, MAX_NAME);
