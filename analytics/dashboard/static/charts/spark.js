// A row of small bars, beside a number that says the same.
import { html } from "../vendor/preact.js";

const WIDTH = 4;
const HEIGHT = 18;

/** @param {{ values: number[] }} props */
export function Spark({ values }) {
  const max = Math.max(1, ...values);
  return html`<svg class="spark" width=${values.length * WIDTH} height=${HEIGHT} aria-hidden="true">
    ${values.map((value, index) => {
      const height = Math.max(value ? 2 : 1, (value / max) * HEIGHT);
      return html`<rect key=${index} class=${value ? "" : "nil"} x=${index * WIDTH} y=${HEIGHT - height} width="3"
        height=${height} rx="1" />`;
    })}</svg>`;
}

/** A line with its area, stretched to the width of its box; the last bucket is not over.
 * @param {{ values: number[] }} props */
export function SparkLine({ values }) {
  const max = Math.max(1, ...values);
  const width = 100 / Math.max(1, values.length - 1);
  const points = values.map((value, index) => `${(index * width).toFixed(2)} ${(30 - (value / max) * 28).toFixed(2)}`);
  const line = (/** @type {string[]} */ some) => (some.length ? "M" + some.join("L") : "");
  return html`<svg class=${"card-spark" + (values.some(Boolean) ? "" : " flat")} viewBox="0 0 100 31"
    preserveAspectRatio="none" aria-hidden="true">
    <path class="area" d=${line(points.slice(0, -1)) + `L${points.at(-2)?.split(" ")[0] ?? 0} 31L0 31Z`} />
    <path class="line now" d=${line(points.slice(0, -1))} />
    <path class="line now part" d=${line(points.slice(-2))} />
  </svg>`;
}
