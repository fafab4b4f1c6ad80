// What the data takes, what is deleted next by retention, and how much of the site is in column files.
import { html } from "../vendor/preact.js";
import { useReport } from "../app/api.js";
import { DASH, exact } from "../app/format.js";
import { size } from "../app/size.js";
import { SITE } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { Problem } from "./frame.js";

await addWords(() => import("../app/words_operations.js"), () => import("../app/words_operations_de.js"));

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ action: "drop" | "delete" | "mask", what: string, rows: number, is_estimate: boolean, bytes: number,
 *   setting: string }} Due */
/** @typedef {{ disk: { free_bytes: number, total_bytes: number } | null,
 *   tables: { table: string, bytes: number, partitions: number }[] | null, retention: Due[],
 *   column_files: { site: string, days: number, written: number, named: number, events: number, bytes: number }[]
 *   }} Stored */

const MOST_TABLES = 8;

export function StoragePanel() {
  /** @type {Report<Stored>} */
  const { data, error, retry } = useReport("storage?site=" + encodeURIComponent(SITE));
  return html`<section class="card pad" aria-label=${t("storageTitle")}>
    <h2 class="card-title">${t("storageTitle")}</h2><${Problem} error=${error} retry=${retry} />
    ${data ? html`<${Facts} stored=${data} /><${DueTable} steps=${data.retention} />
      ${data.tables && html`<${TableSizes} tables=${data.tables} />`}` : html`<div class="skeleton map-sk"></div>`}
  </section>`;
}

/** @param {{ stored: Stored }} props */
function Facts({ stored: { disk, column_files: [files] } }) {
  return html`<dl class="facts">
    ${disk && html`<div><dt>${t("diskFree")}</dt><dd>${t("diskOf", { free: size(disk.free_bytes),
      all: size(disk.total_bytes) })}</dd></div>`}
    ${files && html`<div><dt>${t("columnFiles")}</dt><dd>${t("columnFilesText", { written: exact(files.written),
      days: exact(files.days), events: exact(files.events), size: size(files.bytes) })}</dd></div>`}</dl>`;
}

/** @param {{ steps: Due[] }} props */
function DueTable({ steps }) {
  if (!steps.length) return html`<p class="muted">${t("nothingDue")}</p>`;
  return html`<div class="scroll" tabindex="0"><table class="plain"><caption>${t("dueTitle")}</caption>
    <thead><tr><th scope="col">${t("dueWhat")}</th><th scope="col">${t("dueHow")}</th><th scope="col">${t("dueRows")}</th>
      <th scope="col">${t("dueSetting")}</th></tr></thead>
    <tbody>${steps.map((one, index) => html`<tr key=${index}><td>${one.what}</td>
      <td>${t(/** @type {Word} */ ("due_" + one.action))}</td>
      <td>${one.is_estimate ? t("about", { n: exact(one.rows) }) : exact(one.rows)}</td>
      <td><code>${one.setting}</code></td></tr>`)}</tbody></table></div>`;
}

/** @param {{ tables: NonNullable<Stored["tables"]> }} props */
const TableSizes = ({ tables }) => html`<div class="scroll" tabindex="0"><table class="plain num">
  <caption>${t("largestTables")}</caption><thead><tr><th scope="col">${t("tableName")}</th>
    <th scope="col">${t("partitionCount")}</th><th scope="col">${t("onDisk")}</th></tr></thead>
  <tbody>${tables.slice(0, MOST_TABLES).map((one) => html`<tr key=${one.table}><td>${one.table}</td>
    <td>${one.partitions ? exact(one.partitions) : DASH}</td><td>${size(one.bytes)}</td></tr>`)}</tbody></table></div>`;
