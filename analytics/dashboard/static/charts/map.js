// The world map: countries shaded by visitors, on projected outlines that are loaded when the map is first shown.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { exact, label } from "../app/format.js";
import { BASE } from "../app/state.js";
import { t } from "../app/words.js";

/** @typedef {{ w: number, h: number, shapes: Record<string, string>, dots: Record<string, [number, number]> }} World */

const STEPS = 6;
/** @type {Promise<World> | undefined} */
let world;
const load = () => (world ??= fetch(BASE + "world.json").then((response) => response.json()));

/** @param {{ rows: Row[], choose: (dimension: string, value: string) => void }} props */
export function WorldMap({ rows, choose }) {
  const [outlines, setOutlines] = useState(/** @type {World | null} */ (null));
  const [tip, setTip] = useState(/** @type {{ code: string, x: number, y: number, width: number } | null} */ (null));
  const box = /** @type {{ current: Element }} */ (useRef());
  useEffect(() => {
    load().then(setOutlines, () => {
      world = undefined;
    });
  }, []);
  if (!outlines) return html`<div class="skeleton map-sk world"></div>`;
  const visitors = new Map(rows.map((row) => [row.value, row.visitors ?? 0]));
  const max = Math.max(1, ...visitors.values());
  // Square root: eyes compare shades, and one large country should not make all others pale.
  const step = (/** @type {number} */ n) => (n ? 1 + Math.floor(Math.sqrt(n / max) * (STEPS - 0.001)) : 0);
  const shade = (/** @type {string} */ code) => "land s" + step(visitors.get(code) ?? 0);
  /** @param {any} event */
  const move = (event) => {
    const code = event.target.dataset.code;
    const at = box.current.getBoundingClientRect();
    setTip(code ? { code, x: event.clientX - at.left, y: event.clientY - at.top, width: at.width } : null);
  };
  /** @param {any} event */
  const click = (event) => visitors.has(event.target.dataset.code) && choose("country", event.target.dataset.code);
  const top = rows.slice(0, 5).map((row) => `${label("country", row.value)} ${exact(row.visitors)}`).join(", ");
  return html`<div class="map" ref=${box} onPointerMove=${move} onPointerLeave=${() => setTip(null)} onClick=${click}>
    <svg viewBox=${`0 0 ${outlines.w} ${outlines.h}`} role="img" aria-label=${t("mapLabel", { top })}>
      ${Object.entries(outlines.shapes).map(([code, path]) => html`<path key=${code} data-code=${code}
        class=${shade(code)} d=${path} />`)}
      ${Object.entries(outlines.dots).filter(([code]) => visitors.has(code)).map(([code, [x, y]]) => html`<circle
        key=${code} data-code=${code} class=${shade(code)} cx=${x} cy=${y} r="7" />`)}
    </svg>
    ${tip && html`<div class=${"tip" + (tip.x > tip.width - 170 ? " flip" : "")}
      style=${{ "--x": tip.x + "px", "--y": Math.max(0, tip.y - 46) + "px" }}>
      <div class="tip-row"><span>${tip.code[0] === "_" ? tip.code.slice(1) : label("country", tip.code)}</span>
        <b>${exact(visitors.get(tip.code) ?? 0)}</b></div></div>`}
  </div>`;
}
