// How much a figure has changed.
import { html } from "../vendor/preact.js";
import { DASH, change as changeText } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { t } from "../app/words.js";

/** A change with an arrow: good or bad is never told by colour alone.
 * @param {{ change: number | null | undefined, good: 1 | -1 }} props */
export function Delta({ change, good }) {
  if (change == null) return html`<span class="delta flat">${DASH}</span>`;
  const isFlat = Math.abs(change) < 0.005;
  const kind = isFlat ? "flat" : change * good > 0 ? "good" : "bad";
  return html`<span class=${"delta " + kind}>
    ${!isFlat && html`<${Icon} name=${change > 0 ? "up" : "down"} size="12" /><span class="vh">
      ${t(change > 0 ? "up" : "down")} </span>`}${changeText(change)}
  </span>`;
}
