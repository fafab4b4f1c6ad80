// Icons as paths of 24 × 24, drawn with the text's colour.
import { html } from "../vendor/preact.js";

/** @type {Record<string, string>} */
const PATHS = {
  chevron: "M6 9l6 6 6-6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  x: "M6 6l12 12M18 6L6 18",
  people: "M9 11a3.5 3.5 0 100-7 3.5 3.5 0 000 7zM2.5 20a6.5 6.5 0 0113 0M16 4.3a3.5 3.5 0 010 6.4M18 14.2a6.5 6.5 0 013.5 5.8",
  funnel: "M4 5h16l-6 8v6l-4-2v-4z",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  grip: "M9 6v.01M15 6v.01M9 12v.01M15 12v.01M9 18v.01M15 18v.01",
  flag: "M5 21V4M5 5h13l-2.5 4L18 13H5",
  fork: "M12 21v-8M12 13L5 6V3M12 13l7-7V3",
  note: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
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
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  shield: "M12 3l8 3v6c0 4.5-3.4 7.8-8 9-4.6-1.2-8-4.5-8-9V6zM8.5 12l2.5 2.5 4.5-5",
  sliders: "M5 21v-7M5 10V3M12 21v-9M12 8V3M19 21v-5M19 12V3M2 14h6M9 8h6M16 16h6",
  code: "M8 7l-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14",
  pulse: "M3 12h4l3-8 4 16 3-8h4",
  link: "M10 14a4 4 0 005.7 0l3-3a4 4 0 00-5.7-5.7l-1 1M14 10a4 4 0 00-5.7 0l-3 3a4 4 0 005.7 5.7l1-1",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  trash: "M4 7h16M9 7V4h6v3M6.5 7l1 13h9l1-13",
  repeat: "M4 11a8 8 0 0114-5l2 2M20 4v4h-4M20 13a8 8 0 01-14 5l-2-2M4 20v-4h4",
  back: "M15 5l-7 7 7 7",
  cohorts: "M4 4h4v4H4zM10 4h4v4h-4zM16 4h4v4h-4zM4 10h4v4H4zM10 10h4v4h-4zM4 16h4v4H4z",
  journey: "M6 4a2 2 0 100 4 2 2 0 000-4zM18 16a2 2 0 100 4 2 2 0 000-4zM8 6h7.5a3 3 0 010 6h-7a3 3 0 000 6H16",
  out: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  share: "M12 15V3M8 7l4-4 4 4M6 11H4v10h16V11h-2",
  exit: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
};

/** @param {{ name: string, size?: number }} props */
export const Icon = ({ name, size = 16 }) => html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24"
  fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
  <path d=${PATHS[name]} /></svg>`;
