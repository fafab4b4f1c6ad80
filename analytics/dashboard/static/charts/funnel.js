// The steps of a counted funnel: how many got there, how many left, how long they took. Figures are those of the API.
import { html } from "../vendor/preact.js";
import { DASH, duration, exact, percent } from "../app/format.js";
import { nameOfStep, wordsOfStep } from "../app/funnel.js";
import { Icon } from "../app/icons.js";
import { t } from "../app/words.js";

/** @typedef {{ step_id: string, step_name: string, visitors_reached: number, conversion_rate: number | null,
 *   drop_off_rate: number | null, median_time_s: number | null, p90_time_s: number | null }} StepRow */
/** The address of the users who reached a step, or left after it. @typedef {(step: number, isLost: boolean) => string} Who */

/** A percentage of the API. @param {number | null | undefined} n */
export const rate = (n) => percent(n == null ? n : n / 100);

/** `before`: the rows of another period. `who`: absent where users cannot be listed.
 * @param {{ rows: StepRow[], before?: StepRow[], definition: import("../app/funnel.js").Definition, who?: Who }} props */
export function FunnelSteps({ rows, before, definition, who }) {
  return html`<ol class="fsteps">${rows.map((row, index) => html`<${Step} key=${row.step_id} row=${row} index=${index}
    previous=${rows[index - 1]} next=${rows[index + 1]} before=${before?.[index]} scope=${definition.scope} who=${who}
    step=${definition.steps.find((one) => one.id === row.step_id)} />`)}</ol>`;
}

/** @param {{ row: StepRow, index: number, previous?: StepRow, next?: StepRow, before?: StepRow, scope: string, who?: Who,
 *   step?: import("../app/funnel.js").Step }} props */
function Step({ row, index, previous, next, before, scope, who, step }) {
  const name = step ? nameOfStep(step) : row.step_name;
  const words = step ? wordsOfStep(step) : "";
  const n = row.visitors_reached;
  const unit = t(scope === "visit" ? "visitsWord" : "peopleWord", {}, n);
  // Nobody began in the other period: there is nothing to compare with.
  const then = before?.conversion_rate == null ? undefined : before;
  const value = html`<b>${exact(n)}</b> ${unit}`;
  return html`<li class="fstep">
    <div class="fstep-head"><span class="fstep-no" aria-hidden="true">${index + 1}</span>
      <span class="fstep-name"><b title=${name}>${name}</b>${words !== name && html`<span title=${words}>${words}</span>`}</span>
      <span class="fstep-n num">${who && n > 0 ? html`<a href=${who(index + 1, false)} title=${t("whoReached", { step: name })}>${value}</a>` : value}</span>
      <span class="fstep-rate num"><b>${rate(row.conversion_rate)}</b>${then && html`<span>${t("beforeRate", { rate: rate(then.conversion_rate) })}</span>`}</span></div>
    <div class="fbar" aria-hidden="true">
      ${previous && html`<i class="lost" style=${{ "--w": (previous.conversion_rate ?? 0) + "%" }}></i>`}
      <i class="now" style=${{ "--w": (row.conversion_rate ?? 0) + "%" }}></i>
      ${then && html`<i class="then" style=${{ "--w": then.conversion_rate + "%" }}></i>`}</div>
    ${next && html`<${Between} row=${row} next=${next} lost=${n - next.visitors_reached} index=${index} name=${name} who=${who} />`}
  </li>`;
}

/** Who left after a step, and how long the others took to the next.
 * @param {{ row: StepRow, next: StepRow, lost: number, index: number, name: string, who?: Who }} props */
function Between({ row, next, lost, index, name, who }) {
  const text = html`<${Icon} name="down" size="13" />${t("leftHere", { n: exact(lost), rate: rate(row.drop_off_rate) }, lost)}`;
  return html`<div class="fstep-foot">
    ${who && lost > 0 ? html`<a class="lost" href=${who(index + 1, true)} title=${t("whoLeft", { step: name })}>${text}</a>`
      : html`<span class="lost">${text}</span>`}
    <span>${next.median_time_s == null ? DASH : t("tookTime", { median: duration(next.median_time_s), p90: duration(next.p90_time_s) })}</span>
  </div>`;
}
