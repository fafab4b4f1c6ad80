// The form of two days, for the menus of the period and of what it is compared with.
import { html, useState } from "../vendor/preact.js";
import { count, days } from "../app/format.js";
import { MAX_DAYS, length, today } from "../app/state.js";
import { addWords, t } from "../app/words.js";

await addWords(() => import("../app/words_dialogs.js"), () => import("../app/words_dialogs_de.js"));

/** Why a range of days cannot be chosen; empty: it can. @param {string} from @param {string} to @param {string} now */
export function refuseRange(from, to, now) {
  if (!from || !to) return t("rangeMissing");
  if (to < from) return t("rangeReversed");
  if (to > now) return t("rangeFuture", { day: days(now, now) });
  return length(from, to) > MAX_DAYS ? t("rangeLong", { n: count(MAX_DAYS) }) : "";
}

/** @typedef {{ title: string, isChosen: boolean, range: [string, string], close: () => void,
 *   choose: (from: string, to: string) => void }} RangeFormProps */

/** Two days, both included. @param {RangeFormProps} props */
export function RangeForm({ title, isChosen, range, close, choose }) {
  const [problem, setProblem] = useState("");
  const now = today();
  /** @param {any} event */
  const apply = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const [from, to] = [String(form.get("from")), String(form.get("to"))];
    const found = refuseRange(from, to, now);
    setProblem(found);
    if (found) return;
    choose(from, to);
    close();
  };
  const input = (/** @type {"from" | "to"} */ name, /** @type {string} */ value) => html`<label>${t(name)}<input type="date"
    name=${name} max=${now} defaultValue=${value} aria-invalid=${problem !== ""} /></label>`;
  return html`<form class="dates" aria-label=${title} novalidate onSubmit=${apply}>
    <div class=${"dates-title" + (isChosen ? " on" : "")}>${title}</div>
    ${input("from", range[0])}${input("to", range[1])}
    <div class="dates-problem" role="alert">${problem}</div>
    <button class="primary">${t("apply")}</button>
  </form>`;
}
