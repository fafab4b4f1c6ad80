// Icons as paths of 24 × 24, drawn with the text's colour.
import { html } from "../vendor/preact.js";

/** @type {Record<string, string>} */
const PATHS = {
  chevron: "M6 9l6 6 6-6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  x: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  filter: "M3 5h18M6.5 12h11M10 19h4",
  calendar: "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4",
  sun: "M12 4V2M12 22v-2M4 12H2M22 12h-2M5.6 5.6L4.2 4.2M19.8 19.8l-1.4-1.4M5.6 18.4l-1.4 1.4M19.8 4.2l-1.4 1.4M12 8a4 4 0 100 8 4 4 0 000-8z",
  moon: "M20 14.5A8.5 8.5 0 019.5 4 8.5 8.5 0 1020 14.5z",
  screen: "M3 5h18v11H3zM8 20h8M12 16v4",
  grid: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  sites: "M12 3a9 9 0 100 18 9 9 0 000-18zM3 12h18M12 3c-5 5-5 13 0 18M12 3c5 5 5 13 0 18",
  download: "M12 3v12M7 10l5 5 5-5M4 20h16",
  menu: "M4 6h16M4 12h16M4 18h16",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  table: "M4 5h16v14H4zM4 10h16M10 10v9",
  chart: "M4 19h16M5 15l4-5 4 3 6-8",
  expand: "M9 4H4v5M15 20h5v-5M4 4l6 6M20 20l-6-6",
  help: "M9.2 9a3 3 0 115 2.2c-1.2 1-2.2 1.5-2.2 3M12 18v.01",
  exit: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
};

/** @param {{ name: string, size?: number }} props */
export const Icon = ({ name, size = 16 }) => html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24"
  fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
  <path d=${PATHS[name]} /></svg>`;
