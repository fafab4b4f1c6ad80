// Columns of one series, read by pointer or arrow keys; the words for a column come from the caller.
import { html, useState } from "../vendor/preact.js";
import { exact } from "../app/format.js";

/**
 * `describe`: a column in words. `marks`: what stands under the first, the middle and the last column.
 *   `open`: a column is the last
 * one, which is not over.
 * @param {{ values: number[], label: string, describe: (index: number) => string, marks: [string, string, string],
 *   isOpen?: boolean, height?: number }} props
 */
export function Columns({ values, label, describe, marks, isOpen, height = 120 }) {
  const [at, setAt] = useState(-1);
  const max = Math.max(1, ...values);
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const last = values.length - 1;
    const to = { ArrowLeft: at < 0 ? last : Math.max(0, at - 1), ArrowRight: at < 0 ? 0 : Math.min(last, at + 1),
      Home: 0, End: last, Escape: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    setAt(to);
  };
  /** @param {any} event */
  const onMove = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    setAt(Math.min(values.length - 1, Math.max(0,
      Math.floor(((event.clientX - box.left) / box.width) * values.length))));
  };
  return html`<div class="columns-box">
    <div class="columns-read num"><span aria-hidden="true">${exact(Math.max(0, ...values))}</span><span class="grow"></span><span
      role="status">${at >= 0 && at < values.length ? describe(at) : ""}</span></div>
    <div class="columns" role="application" tabindex="0" aria-label=${label} style=${{ "--h": height + "px" }}
      onKeyDown=${onKey} onPointerMove=${onMove} onPointerDown=${onMove} onPointerLeave=${() =>
        setAt(-1)} onBlur=${() => setAt(-1)}>
      ${values.map((value, index) => html`<i key=${index}
        class=${(value ? "" : "nil") + (index === at ? " at" : "") + (isOpen && index === values.length - 1
        ? " part" : "")}
        style=${{ "--v": (value / max) * 100 + "%" }}></i>`)}
    </div>
    <div class="columns-marks num" aria-hidden="true">${marks.map((one) => html`<span>${one}</span>`)}</div>
  </div>`;
}
