// The columns of journeys: a column a place of the paths, its most common steps as rows, and how many paths end there. A
// row that is chosen narrows the columns behind it.
import { html } from "../vendor/preact.js";
import { count, exact, share } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { t } from "../app/words.js";

/** @typedef {{ page?: string, event?: string }} Step */
/** @typedef {{ visits: number, ended: number, ended_share: number | null, other_visits: number,
 *   rows: { step: Step, visits: number, users: number, share: number }[] }} Column */
/** @typedef {{ anchor: Step, direction: "from" | "to", journeys: { steps: Step[], visits: number, users: number,
 *   share: number }[], columns: Column[], visits: number, users: number, other_visits: number, meta: Meta }} Journeys */

/** A step as the parameter `then` names it. @param {Step} step */
export const codeOf = ({ page, event }) => (event === undefined ? `page:${page}` : `event:${event}`);
/** @param {Step} step */
export const nameOf = ({ page, event }) => event ?? (page || t("noValue"));

/** `then`: the chosen steps from the anchor on; `choose` gets those that are chosen next.
 * @param {{ data: Journeys, then: string[], choose: (then: string[]) => void }} props */
export function PathColumns({ data, then, choose }) {
  const isTo = data.direction === "to";
  const columns = data.columns.map((column, index) => html`<${PathColumn} key=${index} column=${column} place=${index + 1}
    isTo=${isTo} total=${data.visits} hasNote=${then.length > 0} chosen=${then[index]} before=${then.slice(0, index)}
    choose=${(/** @type {string} */ code) => choose(then[index] === code ? then.slice(0, index)
      : [...then.slice(0, index), code])} />`);
  const anchor = html`<div class="path-col" key="anchor"><${ColumnHead} name=${t(isTo ? "endHere" : "startHere")}
      visits=${data.visits} />
    <div class="path-step anchor"><${StepName} step=${data.anchor} /></div>
    <div class="path-note num">${t("peopleCount", { n: exact(data.users) }, data.users)}</div></div>`;
  return html`<div class="path-cols" role="group">${isTo ? [...columns.toReversed(), anchor] : [anchor, ...columns]}</div>`;
}

/** @param {{ name: string, visits: number }} props */
const ColumnHead = ({ name, visits }) => html`<div class="path-head"><h2>${name}</h2><span class="num"
  title=${exact(visits)}>${t("visitsCount", { n: count(visits) }, visits)}</span></div>`;

/** `hasNote`: whether a column says which visits it is of. @param {{ column: Column, place: number, isTo: boolean, total: number, hasNote: boolean, chosen?: string, before: string[],
 *   choose: (code: string) => void }} props */
function PathColumn({ column, place, isTo, total, hasNote, chosen, before, choose }) {
  const max = Math.max(1, ...column.rows.map((row) => row.visits), column.ended);
  const name = t(isTo ? "stepBefore" : "stepAfter", { n: place }, place);
  const names = before.map((code) => code.slice(code.indexOf(":") + 1) || t("noValue")).join(" → ");
  return html`<section class="path-col" aria-label=${name}>
    <${ColumnHead} name=${name} visits=${column.visits} />
    ${hasNote && html`<div class="path-note cut" title=${names}>${names ? t("behind", { steps: names }) : "\u00a0"}</div>`}
    ${!column.visits && html`<div class="path-note">${t("noSteps")}</div>`}
    <ol>${column.rows.map((row) => html`<${StepRow} key=${codeOf(row.step)} row=${row} max=${max}
      isChosen=${chosen === codeOf(row.step)} choose=${() => choose(codeOf(row.step))} />`)}
      ${column.other_visits > 0 && html`<${PlainRow} name=${t("otherSteps")} visits=${column.other_visits}
        part=${column.other_visits / total} max=${max} />`}
      ${column.ended > 0 && html`<${PlainRow} name=${t(isTo ? "beganHere" : "leftHere")} icon=${isTo ? "play" : "exit"}
        visits=${column.ended} part=${column.ended_share} max=${max} />`}</ol>
  </section>`;
}

/** @param {{ row: Column["rows"][0], max: number, isChosen: boolean, choose: () => void }} props */
function StepRow({ row, max, isChosen, choose }) {
  const title = t("stepTitle", { step: nameOf(row.step), share: share(row.share),
    visits: t("visitsCount", { n: exact(row.visits) }, row.visits),
    people: t("peopleCount", { n: exact(row.users) }, row.users) });
  return html`<li><button class=${"path-step" + (isChosen ? " chosen" : "")} aria-pressed=${isChosen} onClick=${choose}
    title=${`${title}. ${t("chooseStep")}`}><span class="fill" style=${{ "--w": (row.visits / max) * 100 + "%" }}></span>
    <${StepName} step=${row.step} /><span class="s num">${share(row.share)}</span>
    <b class="num">${count(row.visits)}</b></button></li>`;
}

/** @param {{ name: string, visits: number, part: number | null, max: number, icon?: string }} props */
const PlainRow = ({ name, visits, part, max, icon }) => html`<li class="path-step plain"><span class="fill"
  style=${{ "--w": (visits / max) * 100 + "%" }}></span><span class="lbl">${icon && html`<${Icon} name=${icon} size="13" />`}
  ${name}</span><span class="s num">${share(part)}</span><b class="num" title=${exact(visits)}>${count(visits)}</b></li>`;

/** @param {{ step: Step }} props */
export const StepName = ({ step }) => html`<span class=${"lbl" + (step.event === undefined ? "" : " event")}
  title=${nameOf(step)}>${nameOf(step)}</span>`;
