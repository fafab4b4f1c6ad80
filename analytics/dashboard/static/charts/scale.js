// What charts with axes share: round ticks, the path of a line, the width of their box.
import { useLayoutEffect, useState } from "../vendor/preact.js";

/** @typedef {[number, number]} Place */

const STEPS = [1, 2, 2.5, 5, 10];
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

/** The distance of ticks for four to six of them up to `max`. @param {number} max @param {string} metric */
export function tickStep(max, metric) {
  const raw = max / 5;
  if (metric === "avg_visit_duration_s") return SECONDS.find((one) => one >= raw) ?? 3600 * Math.ceil(raw / 3600);
  if (!["bounce_rate", "views_per_visit", "rate"].includes(metric) && max <= 5) return 1;
  const magnitude = 10 ** Math.floor(Math.log10(raw || 1));
  // Counts have no halves.
  const isUsable = (/** @type {number} */ one) => one !== 2.5 || magnitude >= 10 || magnitude < 1;
  return /** @type {number} */ (STEPS.find((one) => one * magnitude >= raw * 0.999 && isUsable(one))) * magnitude;
}

/** The path through places; a value that is not known (null) interrupts it. @param {(Place | null)[]} places */
export function linePath(places) {
  let path = "";
  places.forEach((place, index) => {
    if (place) path += (places[index - 1] ? "L" : "M") + place[0].toFixed(1) + " " + place[1].toFixed(1);
  });
  return path;
}

/** The width of the box, also when it changes. @param {{ current: HTMLElement }} box */
export function useWidth(box) {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    watch.observe(box.current);
    setWidth(box.current.clientWidth);
    return () => watch.disconnect();
  }, []);
  return width;
}
