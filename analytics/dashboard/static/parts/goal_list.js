// The goals of a site with their conversions, change and revenue.
import { html } from "../vendor/preact.js";
import { DASH, count, exact, percent } from "../app/format.js";
import { amountsOf, withoutAmount, wordsOfGoal } from "../app/goals.js";
import { Icon } from "../app/icons.js";
import { addressOf, onPlainClick } from "../app/params.js";
import { may } from "../app/state.js";
import { t } from "../app/words.js";
import { Delta } from "./delta.js";
import { Empty } from "./rows.js";

/** @typedef {import("../app/goals.js").GoalRow} GoalRow */

/** @param {{ goals: GoalRow[] | null, isBusy: boolean, state: State, open: (params: Record<string, string>) => void,
 *   create: () => void }} props */
export function GoalList({ goals, isBusy, state, open, create }) {
  const add = may("write") && html`<button class="btn primary small" onClick=${create}><${Icon} name="plus" />${t("newGoal")}</button>`;
  return html`<section class=${"card panel" + (isBusy ? " busy" : "")} aria-label=${t("goalsTitle")}>
    <div class="tabs"><h2 class="tab on">${t("goalsTitle")}</h2><span class="grow"></span>${goals && goals.length > 0 && add}</div>
    ${!goals ? html`<div class="skeleton list-sk"></div>` : !goals.length ? html`<${Empty} title=${t("firstGoal")}>${t("firstGoalText")}
      <div>${add || t("onlyReaders")}</div><//>` : html`<${GoalTable} goals=${goals} state=${state} open=${open} />`}
  </section>`;
}

/** @param {{ goals: GoalRow[], state: State, open: (params: Record<string, string>) => void }} props */
function GoalTable({ goals, state, open }) {
  const isCompared = goals.some((one) => one.change);
  const hasAmounts = goals.some((one) => one.amounts);
  const max = Math.max(1e-9, ...goals.map((one) => one.rate ?? 0));
  return html`<table class="wide">
    <colgroup><col /><col class="c-v hide-small" /><col class="c-v" /><col class="c-v" />${isCompared && html`<col class="c-v hide-small" />`}
      ${hasAmounts && html`<col class="c-m hide-small" />`}</colgroup>
    <thead><tr><th scope="col">${t("goal")}</th><th scope="col" class="hide-small">${t("conversions")}</th><th scope="col">${t("users")}</th>
      <th scope="col">${t("rate")}</th>${isCompared && html`<th scope="col" class="hide-small">${t("change")}</th>`}
      ${hasAmounts && html`<th scope="col" class="hide-small">${t("revenue")}</th>`}</tr></thead>
    <tbody>${goals.map((one) => html`<tr key=${one.id} title=${one.conversions == null ? t("notKnown") : undefined}>
      <td class="row tall"><span class="fill" style=${{ "--w": ((one.rate ?? 0) / max) * 100 + "%" }}></span>
        <a class="cell" href=${addressOf(state, { goal: one.id })} title=${t("goalOpen", { name: one.name })}
          onClick=${onPlainClick(() => open({ goal: one.id }))}><span class="two"><b class="lbl">${one.name}</b>
          <span class="lbl muted">${wordsOfGoal(one)}</span></span></a></td>
      <td class="v hide-small" title=${exact(one.conversions)}>${count(one.conversions)}</td>
      <td class="v" title=${exact(one.users)}>${count(one.users)}</td><td class="v">${percent(one.rate)}</td>
      ${isCompared && html`<td class="v hide-small"><${Delta} change=${one.change?.conversions} good=${1} /></td>`}
      ${hasAmounts && html`<td class="v hide-small money" title=${withoutAmount(one)}>${amountsOf(one) || DASH}</td>`}
    </tr>`)}</tbody></table>`;
}
