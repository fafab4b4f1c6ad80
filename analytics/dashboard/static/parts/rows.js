// What lists share: the code before a place, and what stands where there are no rows.
import { html } from "../vendor/preact.js";

/** The country's code, before places. @param {{ dimension: string, value: string | null }} props */
export function Flag({ dimension, value }) {
  if (!value || !["country", "region", "city"].includes(dimension)) return null;
  return html`<span class="flag" aria-hidden="true">${value.split("/")[0]}</span>`;
}

/** @param {{ title: string, children?: unknown }} props */
export const Empty = ({ title, children }) => html`<div class="empty"><b>${title}</b><div>${children}</div></div>`;

/** The bar behind a value's name. @param {{ part: number }} props */
export const Fill = ({ part }) => (part > 0 ? html`<span class="fill" style=${{ "--w": part * 100 + "%" }}></span>` : null);
