// Several lines in one chart. A value that is not known (null) interrupts its line.
import { html } from "../vendor/preact.js";
import { linePath } from "./scale.js";
import { Plot } from "./plot.js";

/**
 * `lines`: the class that colours each, and its values. `kind`: as of Plot.
 * @param {{ lines: { kind: string, values: (number | null)[] }[], kind: string, label: string, height?: number,
 *   format: (value: number) => string, name: (index: number) => string,
 *   read: (index: number) => import("./plot.js").Reading, isOpen?: boolean }} props
 */
export function Lines({ lines, kind, label, height, format, name, read, isOpen }) {
  const high = Math.max(...lines.flatMap((one) => one.values.map((value) => value ?? 0))) || 1;
  /** @param {import("./plot.js").Plan} plan */
  const draw = ({ x, y }) => lines.map((one) => {
    const places = one.values.map((value, index) => /** @type {[number, number] | null} */ (
      value === null ? null : [x(index), y(value)]));
    const done = isOpen ? places.slice(0, -1) : places;
    const isAlone = (/** @type {number} */ index) => places[index] && !places[index - 1] && !places[index + 1];
    return html`<g key=${one.kind} class=${"line-" + one.kind}><path class="line" d=${linePath(done)} />
      ${isOpen && html`<path class="line part" d=${linePath(places.slice(-2))} />`}
      ${places.map((place, index) => place && isAlone(index) && html`<circle key=${index} cx=${place[0]} cy=${place[1]}
        r="3" />`)}</g>`;
  });
  return html`<${Plot} count=${lines[0].values.length} high=${high} kind=${kind} label=${label} height=${height}
    format=${format} name=${name} read=${read} draw=${draw} />`;
}
