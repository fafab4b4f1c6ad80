// The marks of notes on the time axis of a chart: buttons, so that keyboard and screen readers reach and read them.
import { html } from "../vendor/preact.js";
import { days } from "../app/format.js";
import { t } from "../app/words.js";

/** Marks nearer than this are one, so that each can be hit. */
const MIN_DISTANCE = 24;

/** @typedef {{ index: number, notes: DayNote[] }} Mark */

/** @param {[number, DayNote[]][]} marks By bucket, in the order of time. @param {(index: number) => number} x
 * @returns {Mark[]} */
export function joinMarks(marks, x) {
  /** @type {Mark[]} */
  const joined = [];
  for (const [index, notes] of marks) {
    const last = joined[joined.length - 1];
    if (last && x(index) - x(last.index) < MIN_DISTANCE) last.notes = last.notes.concat(notes);
    else joined.push({ index, notes });
  }
  return joined;
}

/** @param {Mark} mark */
const nameOf = ({ notes }) =>
  t("noteMark", { n: notes.length, text: notes.map((one) => `${days(one.day, one.day)}: ${one.text}`).join("; ") }, notes.length);

/** `read`: shows the tooltip of a bucket.
 * @param {{ marks: [number, DayNote[]][], plan: import("./line.js").Plan, read: (index: number | null) => void,
 *   open: (notes: DayNote[]) => void }} props */
export function NoteMarks({ marks, plan, read, open }) {
  return joinMarks(marks, plan.x).map((mark) => html`<button key=${mark.index} class="note-mark"
    style=${{ "--x": plan.x(mark.index) + "px", "--y": plan.y(0) + "px" }} aria-label=${nameOf(mark)}
    onPointerEnter=${() => read(mark.index)} onPointerLeave=${() => read(null)} onFocus=${() => read(mark.index)}
    onBlur=${() => read(null)} onClick=${() => open(mark.notes)}>
    <i>${mark.notes.length > 1 ? mark.notes.length : ""}</i></button>`);
}
