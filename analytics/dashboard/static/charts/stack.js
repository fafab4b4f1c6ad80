// Columns of parts that stand on each other, above the axis and below it. A column that is not over is drawn paler.
import { html } from "../vendor/preact.js";
import { Plot } from "./plot.js";

/** @typedef {import("./plot.js").Reading} Reading */

/**
 * `parts`: of a column from the axis up; `below`: what hangs under it. Each has the class that colours it.
 * @param {{ columns: { parts: [string, number][], below: [string, number], isOpen: boolean }[], label: string,
 *   format: (value: number) => string, name: (index: number) => string, read: (index: number) => Reading }} props
 */
export function Stack({ columns, label, format, name, read }) {
  const high = Math.max(1, ...columns.map((one) => one.parts.reduce((sum, [, value]) => sum + value, 0)));
  const low = -Math.max(0, ...columns.map((one) => one.below[1]));
  /** @param {import("./plot.js").Plan} plan */
  const draw = ({ x, y, band }) => {
    const width = Math.max(2, Math.min(40, band * 0.72));
    /** @param {string} kind @param {number} index @param {number} from @param {number} to */
    const bar = (kind, index, from, to) => from !== to && html`<rect class=${"part-" + kind} x=${x(index) - width / 2}
      width=${width} y=${y(to)} height=${Math.max(1, y(from) - y(to))} />`;
    return columns.map((column, index) => {
      let top = 0;
      return html`<g key=${index} class=${column.isOpen ? "open" : ""}>
        ${column.parts.map(([kind, value]) => bar(kind, index, top, (top += value)))}
        ${bar(column.below[0], index, -column.below[1], 0)}</g>`;
    });
  };
  return html`<${Plot} count=${columns.length} low=${low} high=${high} kind="visitors" label=${label} format=${format}
    name=${name} read=${read} draw=${draw} />`;
}
