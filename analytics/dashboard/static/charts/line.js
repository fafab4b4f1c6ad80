// The time series as SVG: an area, the compared period dashed behind it, a bucket that is not over dotted, and no line
// into the future. Read by mouse, touch and keyboard; a drag with the mouse chooses a range.
import { html, useMemo, useRef, useState } from "../vendor/preact.js";
import { DASH, MEASURES, axis, bucket } from "../app/format.js";
import { PAPER_WIDTH, useIsPaper } from "../app/paper.js";
import { t } from "../app/words.js";
import { Delta } from "../parts/delta.js";
import { linePath, tickStep, useWidth } from "./scale.js";

/** @typedef {import("./scale.js").Place} Place */

const HEIGHT = 280;
const TOP = 14;
const BOTTOM = 26;
const RIGHT = 12;
/** Of more hours the names at the axis are days. */
const MOST_HOURS = 48;
/** A drag shorter than this is a click. */
const MIN_DRAG = 8;

/** The areas under the parts of a line. @param {(Place | null)[]} places @param {number} base */
function areaPath(places, base) {
  let path = "";
  let from = -1;
  places.concat(null).forEach((place, index) => {
    if (place && from < 0) from = index;
    if (!place && from >= 0) {
      const part = /** @type {Place[]} */ (places.slice(from, index));
      if (part.length > 1) path += `${linePath(part)}L${part[part.length - 1][0]} ${base}L${part[0][0]} ${base}Z`;
      from = -1;
    }
  });
  return path;
}

/** How many buckets have begun, and which is not over (-1: none). `now`: by the server's clock.
 * @param {Point[]} points @param {number} now */
export function elapsed(points, now) {
  const begun = points.filter((one) => Date.parse(one.ts) <= now).length;
  return { begun, running: begun > 0 && Date.parse(points[begun - 1].to) > now ? begun - 1 : -1 };
}

/** The buckets that may have a name at the axis: of many hours, as the names are days, those that begin one.
 * @param {Point[]} points */
export function namedBuckets(points) {
  const all = points.map((_, index) => index);
  const begins = all.filter((index) => index === 0 || points[index].date !== points[index - 1].date);
  return points.length > MOST_HOURS ? begins : all;
}

/** Where everything is drawn, and the paths: all that a moving pointer does not change.
 * @param {Point[]} points @param {Point[] | undefined} before @param {Measure} metric @param {number} width
 * @param {number} computedAt */
function layOut(points, before, metric, width, computedAt) {
  const count = points.length;
  const isNarrow = width < 560;
  const left = isNarrow ? 38 : 46;
  const inner = width - left - RIGHT;
  const { begun, running } = elapsed(points, computedAt);
  const values = points.slice(0, begun).map((one) => one[metric]);
  const others = before?.slice(0, count).map((one) => one[metric]) ?? [];
  const max = Math.max(1e-9, ...values.map(Number), ...others.map(Number));
  const step = tickStep(max, metric);
  const top = Math.max(step, Math.ceil((max * 1.02) / step) * step);
  const x = (/** @type {number} */ index) => (count === 1 ? left + inner / 2 : left + (index / (count - 1)) * inner);
  const y = (/** @type {number | null} */ value) => TOP + (1 - (value ?? 0) / top) * (HEIGHT - TOP - BOTTOM);
  /** @param {number | null} value @param {number} index @returns {Place | null} */
  const place = (value, index) => (value == null ? null : [x(index), y(value)]);
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  const named = namedBuckets(points);
  const every = Math.ceil(named.length / Math.max(2, Math.floor(inner / (isNarrow ? 64 : 84))));
  const names = named.filter((index, at) => at % every === 0 && (index === 0 || x(index) < width - 24));
  const [now, earlier] = [values.map(place), others.map(place)];
  const done = running > 0 ? now.slice(0, running) : now;
  const paths = {
    before: linePath(earlier),
    area: areaPath(done, y(0)),
    done: linePath(done),
    part: running > 0 ? linePath(now.slice(running - 1, running + 1)) : "",
  };
  return { x, y, ticks, names, left, inner, begun, running, now, before: earlier, paths };
}

/**
 * `zoom` gets the first and the last bucket of a range; `now`: when the server computed the points.
 * `Marks`: draws the marks of notes, once it has arrived; `annotate`: writes a note on a day.
 * @param {{ points: Point[], before?: Point[], metric: Measure, unit: string, label: string, notes: DayNote[], now: number,
 *   zoom: (first: Point, last: Point) => void, annotate?: (day: string) => void, Marks?: unknown,
 *   openNotes: (notes: DayNote[]) => void }} props
 */
export function LineChart({ points, before, metric, unit, label, notes, now, zoom, annotate, Marks, openNotes }) {
  const box = /** @type {{ current: HTMLElement }} */ (useRef());
  const shown = useWidth(box);
  const width = useIsPaper() ? PAPER_WIDTH : shown;
  const make = () => (width && points.length ? layOut(points, before, metric, width, now) : null);
  const plan = useMemo(make, [points, before, metric, width]);
  const { at, from, setAt, handlers } = usePointer(box, plan, points, zoom, annotate);
  if (!plan) return html`<div class="chart" ref=${box}></div>`;
  const index = at === null ? null : Math.min(at, points.length - 1);
  const marks = markNotes(points, notes);
  return html`<div class="chart" ref=${box}>
    <svg width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`} role="img" aria-label=${label} tabindex="0" ...${handlers}>
      <${Axes} plan=${plan} points=${points} metric=${metric} unit=${unit} width=${width} />
      <${Lines} plan=${plan} />
      ${marks.map(([one]) => html`<line key=${one} class="note-line" x1=${plan.x(one)} x2=${plan.x(one)} y1=${TOP}
        y2=${plan.y(0)} />`)}
      ${from !== null && index !== null && html`<${Range} plan=${plan} from=${from} to=${plan.x(index)} />`}
      ${index !== null && html`<${Cross} plan=${plan} index=${index} />`}
    </svg>
    ${Marks && html`<${Marks} marks=${marks} plan=${plan} read=${setAt} open=${openNotes} />`}
    ${index !== null && html`<${Tip} plan=${plan} index=${index} point=${points[index]} other=${before?.[index]}
      metric=${metric} unit=${unit} width=${width} notes=${marks.find(([one]) => one === index)?.[1] ?? []} />`}
  </div>`;
}

/** The bucket that is read (`at`), where a drag began (`from`, in pixels of the chart), and what the chart listens to.
 * @param {{ current: HTMLElement }} box @param {Plan | null} plan @param {Point[]} points
 * @param {(first: Point, last: Point) => void} zoom @param {(day: string) => void} [annotate] */
function usePointer(box, plan, points, zoom, annotate) {
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  const [from, setFrom] = useState(/** @type {number | null} */ (null));
  if (!plan) return { at, from, setAt, handlers: {} };
  const clamp = (/** @type {number} */ n) => Math.max(0, Math.min(points.length - 1, n));
  const place = (/** @type {PointerEvent} */ event) => event.clientX - box.current.getBoundingClientRect().left;
  const bucketAt = (/** @type {number} */ x) => clamp(Math.round(((x - plan.left) / plan.inner) * (points.length - 1)));
  const index = at === null ? null : clamp(at);
  const open = () => index !== null && zoom(points[index], points[index]);
  // A finger leaves when it is lifted: what it showed stays until something else is touched.
  const onLeave = (/** @type {any} */ event) => from === null && event.pointerType !== "touch" && setAt(null);
  const handlers = {
    onPointerMove: (/** @type {PointerEvent} */ event) => setAt(bucketAt(place(event))),
    onPointerLeave: onLeave,
    onBlur: onLeave,
    onDblClick: open,
    /** @param {any} event */
    onPointerDown(event) {
      setAt(bucketAt(place(event)));
      if (event.pointerType !== "mouse" || event.button) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      setFrom(place(event));
    },
    /** @param {PointerEvent} event */
    onPointerUp(event) {
      if (from === null) return;
      setFrom(null);
      const [first, last] = [bucketAt(from), bucketAt(place(event))].sort((a, b) => a - b);
      if (Math.abs(place(event) - from) >= MIN_DRAG && first !== last) zoom(points[first], points[last]);
    },
    /** @param {KeyboardEvent} event */
    onKeyDown(event) {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (event.key === "Enter") open();
      if (event.key.toLowerCase() === "n" && annotate && index !== null && !hasModifier(event)) {
        // Not also the page's N, which knows no day.
        event.stopPropagation();
        event.preventDefault();
        annotate(points[index].date);
      }
      if (event.key === "Escape" && index !== null) {
        // Not also the page's Escape, which clears the filter.
        event.stopPropagation();
        setFrom(null);
        setAt(null);
      }
      if (!step) return;
      event.preventDefault();
      setAt(clamp((index ?? Math.max(0, plan.begun - (step < 0 ? 0 : 1))) + step));
    },
  };
  return { at, from, setAt, handlers };
}

/** @param {KeyboardEvent} event */
const hasModifier = (event) => event.ctrlKey || event.metaKey || event.altKey;

/** @typedef {ReturnType<typeof layOut>} Plan */

/** The buckets that have notes, in the order of time. @param {Point[]} points @param {DayNote[]} notes
 * @returns {[number, DayNote[]][]} */
function markNotes(points, notes) {
  /** @type {Map<number, DayNote[]>} */
  const found = new Map();
  for (const note of notes) {
    // Of buckets shorter than a day the first one of the day.
    const index = points.findIndex((one) => one.date === note.day || (one.date < note.day && note.day < one.to.slice(0, 10)));
    if (index >= 0) found.set(index, [...(found.get(index) ?? []), note]);
  }
  return [...found].sort(([one], [other]) => one - other);
}

/** @param {{ plan: Plan, points: Point[], metric: Measure, unit: string, width: number }} props */
function Axes({ plan, points, metric, unit, width }) {
  const isDay = unit === "hour" && points.length <= MOST_HOURS;
  const name = (/** @type {number} */ index) => axis(points[index].ts, unit === "hour" && !isDay ? "day" : unit);
  return html`${plan.ticks.map((value) => html`<g key=${value}>
      <line class=${value ? "grid" : "base"} x1=${plan.left} x2=${width - RIGHT} y1=${plan.y(value)} y2=${plan.y(value)} />
      <text class="tick" x=${plan.left - 8} y=${plan.y(value)} dy=".32em" text-anchor="end">${MEASURES[metric].short(value)}
        </text></g>`)}
    ${plan.names.map((index) => html`<text key=${index} class="tick" x=${plan.x(index)} y=${HEIGHT - 7}
      text-anchor=${index === 0 && points.length > 1 ? "start" : "middle"}>${name(index)}</text>`)}`;
}

/** @param {{ plan: Plan }} props */
function Lines({ plan }) {
  const { now, paths } = plan;
  return html`<defs><linearGradient id="fade" x1="0" y1="0" x2="0" y2="1"><stop offset="0" class="fade0" />
    <stop offset="1" class="fade1" /></linearGradient></defs>
    <path class="line before" d=${paths.before} />
    <path class="area" fill="url(#fade)" d=${paths.area} />
    <path class="line now" d=${paths.done} />
    <path class="line now part" d=${paths.part} />
    ${now.length === 1 && now[0] && html`<circle class="dot" cx=${now[0][0]} cy=${now[0][1]} r="4" />`}`;
}

/** @param {{ plan: Plan, from: number, to: number }} props */
const Range = ({ plan, from, to }) => html`<rect class="range" x=${Math.min(from, to)} width=${Math.abs(to - from)}
  y=${TOP} height=${plan.y(0) - TOP} />`;

/** @param {{ plan: Plan, index: number }} props */
function Cross({ plan, index }) {
  const [now, other] = [plan.now[index], plan.before[index]];
  return html`<line class="cross" x1=${plan.x(index)} x2=${plan.x(index)} y1=${TOP} y2=${plan.y(0)} />
    ${other && html`<circle class="dot before" cx=${other[0]} cy=${other[1]} r="3.5" />`}
    ${now && html`<circle class="dot" cx=${now[0]} cy=${now[1]} r="4.5" />`}`;
}

/** @param {number | null} now @param {number | null | undefined} before */
const growthOf = (now, before) => (now === null || !before ? null : now / before - 1);

/** @param {TipProps} props */
function Tip({ plan, index, point, other, metric, unit, width, notes }) {
  const { long, good } = MEASURES[metric];
  const x = plan.x(index);
  const isOver = index < plan.begun && index !== plan.running;
  const growth = growthOf(point[metric], other?.[metric]);
  return html`<div class=${"tip" + (x > width / 2 ? " flip" : "")} style=${{ "--x": x + "px" }} role="status">
    <div class="tip-row"><span class="key"></span><span>${bucket(point.ts, unit)}
      ${index === plan.running ? ` (${t("soFar")})` : ""}</span>
      <b>${index < plan.begun ? long(point[metric]) : DASH}</b>${isOver && growth !== null && html`<${Delta}
        change=${growth} good=${good} />`}</div>
    ${other && html`<div class="tip-row dim"><span class="key before"></span><span>${bucket(other.ts, unit)}</span>
      <b>${long(other[metric])}</b></div>`}
    ${notes.map(({ id, text }) => html`<div class="tip-row dim wrap" key=${id}><span class="key note"></span><span>${text}</span>
      </div>`)}
  </div>`;
}
