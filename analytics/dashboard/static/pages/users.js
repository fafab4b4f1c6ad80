// The users behind a number of a report, and the events of one. Both name people, so they need the scope export.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, send, useModule } from "../app/api.js";
import { dayAndTime, exact, when } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { addressOf, onPlainClick, useParams } from "../app/params.js";
import { SITE, may } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { usePages } from "../parts/cursor_list.js";
import { Frame, described } from "../parts/frame.js";
import { Empty } from "../parts/rows.js";
import { ReportFoot, ReportFrame, ReportProblem } from "../parts/report_frame.js";
import { GROUP, NO_GROUP, bodyOfExport, hasGroup, originOf, usersPath, wordsOfGroup } from "../parts/user_group.js";

await addWords(() => import("../app/words_funnels.js"), () => import("../app/words_funnels_de.js"));

/** @typedef {import("../app/params.js").Params} Params */
/** @typedef {import("../app/funnel.js").Funnel} Funnel */
/** @typedef {{ user_id: string, first_seen_at: string, last_seen_at: string, events: number, page_views: number, visits: number }} User */

const pageOf = (/** @type {string} */ name) => `/sites/${encodeURIComponent(SITE)}/${name}`;

/** @param {{ pages: PageEntry[] }} props */
export default function UsersPage({ pages }) {
  if (may("export")) return html`<${Users} pages=${pages} />`;
  return html`<${Frame} pages=${pages} name="users" title=${t("users")} isReady=${true}>
    <div class="card"><${Empty} title=${t("noExportTitle")}>${t("noExportUsers")}<//></div><//>`;
}

/** `user`: whose events are shown. @param {{ pages: PageEntry[] }} props */
function Users({ pages }) {
  const { state, params, go, open } = useParams([...GROUP, "user"]);
  const [isDrawn, setDrawn] = useState(false);
  const [said, say] = useState(/** @type {Said | null} */ (null));
  const { user, ...group } = params;
  const timeline = useModule(Boolean(user), () => import("../parts/timeline.js"));
  const tools = user ? ["period"] : params.cohort ? ["filter"] : ["filter", "period"];
  return html`<${ReportFrame} pages=${pages} name="users" title=${user || t("users")} intro=${user ? "" : t("usersIntro")} state=${state} go=${go}
    back=${user && html`<a class="text-btn back" href=${addressOf(state, { ...group, user: "" })} onClick=${onPlainClick(() => open({ ...group }))}>
      <${Icon} name="back" size="14" />${t("allUsers")}</a>`} tools=${tools} said=${said} silence=${() => say(null)} isReady=${isDrawn}>
    ${user ? timeline && html`<${timeline.default} key=${user} user=${user} state=${state} go=${go} ready=${setDrawn} />`
      : html`<${UserList} state=${state} group=${group} go=${go} open=${open} ready=${setDrawn} />`}
  <//>`;
}

/** @param {{ state: State, group: Params, go: Go, open: (params: Params) => void, ready: (isReady: boolean) => void }} props */
function UserList({ state, group, go, open, ready }) {
  const list = usePages(usersPath(state, group), "users");
  /** @type {User[] | null} */
  const users = list.rows;
  const isReady = (users !== null && !list.isBusy) || list.error !== null;
  useEffect(() => ready(isReady), [isReady]);
  return html`${hasGroup(group) && html`<${GroupChip} group=${group} state=${state} open=${open} />`}
    <${ReportProblem} error=${list.error} meta=${list.meta} retry=${list.retry} go=${go} />
    <section class=${"card panel" + (list.isBusy && users ? " busy" : "")} aria-label=${t("users")}>
      <div class="tabs"><h2 class="tab on num">${users ? t("userCount", { n: exact(list.total) }, list.total) : t("users")}</h2><span class="grow"></span>
        ${users && users.length > 0 && html`<${ExportButton} state=${state} group=${group} />`}</div>
      ${!users ? !list.error && html`<div class="skeleton map-sk"></div>` : !users.length ? html`<${Empty} title=${t("noUsers")}>${t("noUsersText")}<//>`
        : html`<${UserTable} users=${users} state=${state} group=${group} open=${open} />`}
      ${list.next && html`<div class="panel-foot"><span>${t("shownOf", { n: exact(users?.length), all: exact(list.total) })}</span>
        <button class="more" disabled=${list.isBusy} onClick=${list.more}>${t("showMore")}</button></div>`}
    </section>
    ${list.meta && html`<${ReportFoot} meta=${list.meta} took=${list.took} />`}`;
}

/** The group in words: taken away it leaves everybody. @param {{ group: Params, state: State, open: (params: Params) => void }} props */
function GroupChip({ group, state, open }) {
  const [funnel, setFunnel] = useState(/** @type {Funnel | null} */ (null));
  useEffect(() => {
    if (group.funnel) get("../v1/funnels/" + encodeURIComponent(group.funnel)).then((found) => setFunnel(found.funnel), () => {});
  }, [group.funnel]);
  const text = wordsOfGroup(group, funnel);
  const origin = originOf(group);
  return html`<div class="chips" role="group" aria-label=${t("groupTitle")}><span class="chip group-chip"><span>${text}</span>
      <button aria-label=${t("removeFilter", { name: text })} onClick=${() => open(NO_GROUP)}><${Icon} name="x" size="13" /></button></span>
    ${origin && html`<a class="text-btn" href=${addressOf(state, { ...NO_GROUP, ...origin.params }, pageOf(origin.page))}>${t("openFunnel")}</a>`}</div>`;
}

/** Orders a file of all these users. @param {{ state: State, group: Params }} props */
function ExportButton({ state, group }) {
  const [said, setSaid] = useState(/** @type {{ text: string, isDone: boolean } | null} */ (null));
  const body = JSON.stringify(bodyOfExport(state, group));
  useEffect(() => setSaid(null), [body]);
  const order = () => send("POST", "exports", JSON.parse(body)).then(() => setSaid({ text: t("listOrdered"), isDone: true }),
    (failure) => setSaid({ text: described(failure).message || t("offline"), isDone: false }));
  return html`<span class="ordered" role="status">${said && (said.isDone ? html`<a href=${pageOf("exports")}>${said.text}</a>` : html`<span class="job-error">${said.text}</span>`)}</span>
    ${!said?.isDone && html`<button class="btn small" onClick=${order}><${Icon} name="download" />${t("exportList")}</button>`}`;
}

/** @param {{ users: User[], state: State, group: Params, open: (params: Params) => void }} props */
function UserTable({ users, state, group, open }) {
  return html`<table class="users">
    <colgroup><col /><col class="c-t hide-small" /><col class="c-t" /><col class="c-v" /><col class="c-v hide-small" /><col class="c-v hide-small" /></colgroup>
    <thead><tr><th scope="col">${t("user_id")}</th><th scope="col" class="hide-small">${t("firstSeen")}</th><th scope="col">${t("lastSeen")}</th>
      <th scope="col">${t("events")}</th><th scope="col" class="hide-small">${t("page_views")}</th><th scope="col" class="hide-small">${t("visits")}</th></tr></thead>
    <tbody>${users.map((one) => html`<tr key=${one.user_id}>
      <td class="row"><a class="cell" href=${addressOf(state, { ...group, user: one.user_id })} title=${one.user_id}
        onClick=${onPlainClick(() => open({ ...group, user: one.user_id }))}><${Who} id=${one.user_id} /></a></td>
      <td class="s hide-small" title=${when(one.first_seen_at)}>${dayAndTime(one.first_seen_at)}</td>
      <td class="s" title=${when(one.last_seen_at)}>${dayAndTime(one.last_seen_at)}</td>
      <td class="v">${exact(one.events)}</td><td class="n hide-small">${exact(one.page_views)}</td><td class="n hide-small">${exact(one.visits)}</td></tr>`)}</tbody>
  </table>`;
}

/** A visitor key or pseudonym says so; what clients sent is shown as it is. @param {{ id: string }} props */
const Who = ({ id }) => html`<span class="lbl">${id}</span>${/^[~#]/.test(id) && html`<span class="state">${t(id[0] === "~" ? "visitorKey" : "pseudonym")}</span>`}`;
