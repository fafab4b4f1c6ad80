// The first rows of a file: of events from the stream of the report, which is cut off, of users from their list.
import { html, useEffect, useState } from "../vendor/preact.js";
import { address, get, signIn } from "../app/api.js";
import { SITE } from "../app/state.js";
import { t } from "../app/words.js";
import { Problem, described } from "./frame.js";
import { COLUMNS, bodyOfOrder, isGroupComplete, partsOf, periodOfOrder } from "./order.js";
import { Empty } from "./rows.js";

const ROWS = 6;
/** A field is typed before its rows are asked for. */
const WAIT_MS = 300;
/** A row may hold a payload of 64 KB. */
const MAX_CHARS = 500_000;

/** @param {{ order: import("./order.js").Order }} props */
export function Preview({ order }) {
  const [found, setFound] = useState(/** @type {{ rows: string[][] | null, error: Failure | null }} */ ({ rows: null,
    error: null }));
  const isOfUsers = order.what === "users";
  const isComplete = isGroupComplete(order);
  const query = isOfUsers ? usersQuery(order) : eventsQuery(order);
  useEffect(() => {
    const abort = new AbortController();
    setFound({ rows: null, error: null });
    const timer = isComplete && setTimeout(() => {
      const reading = isOfUsers ? readUsers(query, abort.signal) : readRows("reports/events?" + query, abort.signal);
      reading.then((rows) => setFound({ rows, error: null }), (error) =>
        error.name !== "AbortError" && setFound({ rows: null, error: described(error) }));
    }, WAIT_MS);
    return () => {
      if (timer) clearTimeout(timer);
      abort.abort();
    };
  }, [query, isComplete]);
  if (!isComplete) return html`<p class="muted">${t("previewIncomplete")}</p>`;
  if (found.error) return html`<${Problem} error=${found.error} />`;
  if (!found.rows) return html`<div class="skeleton preview-sk"></div>`;
  const [head, ...rows] = found.rows;
  if (!rows.length) return html`<${Empty} title=${t(isOfUsers ? "previewNobody"
    : "previewEmpty")}>${t("previewEmptyText")}<//>`;
  const shown = head.map((name, index) => ({ name, index })).filter(({ name }) => !order.columns.length
    || order.columns.includes(name));
  return html`<div class="preview" role="region" tabindex="0" aria-label=${t("preview")}><table>
    <thead><tr>${shown.map(({ name }) => html`<th scope="col" key=${name}>${name}</th>`)}</tr></thead>
    <tbody>${rows.map((row, at) => html`<tr key=${at}>${shown.map(({ name, index }) => html`<td key=${name}
      title=${row[index]}>${row[index]}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** The query of the list of users of an order. @param {import("./order.js").Order} order */
export function usersQuery(order) {
  const { users = {}, filter = {} } = /** @type {any} */ (bodyOfOrder(order));
  const isOfPeriod = !order.every && partsOf(order).hasPeriod;
  const { type = [], where, include_bots } = filter;
  const query = new URLSearchParams({ site: SITE, ...users, ...(isOfPeriod && periodOfOrder(order)),
    ...(where && { filter: where }), include_bots, limit: String(ROWS) });
  type.forEach((/** @type {string} */ one) => query.append("type", one));
  return query.toString();
}

/** @param {string} query @param {AbortSignal} signal @returns {Promise<string[][]>} */
async function readUsers(query, signal) {
  const { users } = await get("reports/users?" + query, signal);
  return [COLUMNS.users, ...users.map((/** @type {any} */ user) => COLUMNS.users.map((name) => String(user[name])))];
}

/** @param {import("./order.js").Order} order */
function eventsQuery(order) {
  const filter = /** @type {any} */ (bodyOfOrder({ ...order, what: "events" }).filter ?? {});
  const query = new URLSearchParams({ site: SITE, format: "csv", include_bots: String(order.bots) });
  if (!order.every) Object.entries(periodOfOrder(order)).forEach(([name, value]) => query.set(name, String(value)));
  (filter.type ?? []).forEach((/** @type {string} */ type) => query.append("type", type));
  return query.toString();
}

/** The heading and the first rows; then the request is ended. @param {string} path @param {AbortSignal}
 *   signal @returns {Promise<string[][]>} */
async function readRows(path, signal) {
  const response = await fetch(address(path), { credentials: "same-origin", signal });
  if (response.status === 401) signIn(true);
  if (!response.ok || !response.body) {
    const body = await response.json().catch(() => ({}));
    throw { message: body.detail ?? response.statusText, status: response.status };
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    text += value ?? "";
    const rows = parseCsv(text, done);
    if (!done && rows.length <= ROWS && text.length < MAX_CHARS) continue;
    if (!done) await reader.cancel().catch(() => {});
    return rows.length ? rows.slice(0, ROWS + 1) : [COLUMNS.events];
  }
}

/** The complete rows of RFC 4180 text. @param {string} text @param {boolean} isWhole @returns {string[][]} */
export function parseCsv(text, isWhole) {
  const rows = [];
  let row = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/gy;
  for (let found = cell.exec(text); found; found = cell.exec(text)) {
    if (!found[3] && !isWhole) break;
    if (!found[3] && !found[0] && !row.length) break;
    row.push(found[1] !== undefined ? found[1].replaceAll('""', '"') : found[2]);
    if (found[3] !== ",") {
      rows.push(row);
      row = [];
    }
    if (!found[3]) break;
  }
  return rows;
}
