// The frame of a chart of buckets: ticks, names, and one bucket that is read by mouse, touch or arrow keys. What is drawn
// inside comes from the caller.
import { html, useRef, useState } from "../vendor/preact.js";
import { tickStep, useWidth } from "./scale.js";

const TOP = 10;
const BOTTOM = 26;
const LEFT = 52;
const RIGHT = 12;

/** @typedef {{ x: (index: number) => number, y: (value: number) => number, band: number, width: number }} Plan */
/** `rows`: what is read of a bucket; `kind`: the class of a key.
 * @typedef {{ title: string, rows: { kind: string, name: string, value: string }[] }} Reading */

/**
 * `kind`: of the values, as tickStep knows it. `low`: the deepest value below the axis, 0 or less.
 * @param {{ count: number, low?: number, high: number, kind: string, height?: number, label: string,
 *   format: (value: number) => string, name: (index: number) => string, read: (index: number) => Reading,
 *   draw: (plan: Plan) => unknown }} props
 */
export function Plot({ count, low = 0, high, kind, height = 240, label, format, name, read, draw }) {
  const box = /** @type {{ current: HTMLElement }} */ (useRef());
  const width = useWidth(box);
  const [at, setAt] = useState(-1);
  if (!width || !count) return html`<div class="chart plot-box" ref=${box} style=${{ "--h": height + "px" }}></div>`;
  const inner = width - LEFT - RIGHT;
  const step = tickStep(high - low || 1, kind);
  const [first, last] = [Math.floor(low / step), Math.ceil(high / step || 1)];
  const band = inner / count;
  const x = (/** @type {number} */ index) => LEFT + (index + 0.5) * band;
  const y = (/** @type {number} */ value) => TOP + (1 - (value / step - first) / (last - first)) * (height - TOP - BOTTOM);
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
  const every = Math.ceil(count / Math.max(2, Math.floor(inner / 72)));
  const index = Math.min(at, count - 1);
  const clamp = (/** @type {number} */ n) => Math.max(0, Math.min(count - 1, n));
  /** @param {any} event */
  const point = (event) => setAt(clamp(Math.floor((event.clientX - box.current.getBoundingClientRect().left - LEFT) / band)));
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const to = { ArrowLeft: index < 0 ? count - 1 : clamp(index - 1), ArrowRight: clamp(index + 1), Home: 0,
      End: count - 1, Escape: -1 }[event.key];
    if (to === undefined || (to < 0 && index < 0)) return;
    event.preventDefault();
    event.stopPropagation();
    setAt(to);
  };
  const leave = (/** @type {any} */ event) => event.pointerType !== "touch" && setAt(-1);
  return html`<div class="chart plot-box" ref=${box} style=${{ "--h": height + "px" }}>
    <svg width=${width} height=${height} role="img" aria-label=${label} tabindex="0" onPointerMove=${point}
      onPointerDown=${point} onPointerLeave=${leave} onBlur=${leave} onKeyDown=${onKey}>
      ${ticks.map((value) => html`<g key=${value}>
        <line class=${value ? "grid" : "base"} x1=${LEFT} x2=${width - RIGHT} y1=${y(value)} y2=${y(value)} />
        <text class="tick" x=${LEFT - 8} y=${y(value)} dy=".32em" text-anchor="end">${format(Math.abs(value))}</text></g>`)}
      ${Array.from({ length: count }, (_, one) => one % every === 0 && html`<text key=${one} class="tick" x=${x(one)}
        y=${height - 7} text-anchor="middle">${name(one)}</text>`)}
      ${index >= 0 && html`<rect class="range" x=${x(index) - band / 2} width=${band} y=${TOP}
        height=${height - TOP - BOTTOM} />`}
      ${draw({ x, y, band, width })}
    </svg>
    ${index >= 0 && html`<${Tip} x=${x(index)} isFlipped=${x(index) > width / 2} reading=${read(index)} />`}
  </div>`;
}

/** @param {{ x: number, isFlipped: boolean, reading: Reading }} props */
const Tip = ({ x, isFlipped, reading }) => html`<div class=${"tip" + (isFlipped ? " flip" : "")}
  style=${{ "--x": x + "px" }} role="status"><div class="tip-row">${reading.title}</div>
  ${reading.rows.map((row) => html`<div class="tip-row" key=${row.name}><span class=${"key-box " + row.kind}></span>
    <span>${row.name}</span><b>${row.value}</b></div>`)}</div>`;

/** @param {{ kind: string, name: string }} props */
export const Legend = ({ kind, name }) => html`<span class="legend"><span class=${"key-box " + kind}></span>${name}</span>`;
