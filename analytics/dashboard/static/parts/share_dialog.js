// Who may see the site without an account: its share links, its public address, and the pages that may show it in a frame.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, send } from "../app/api.js";
import { BASE, SITE } from "../app/state.js";
import { addWords, locale, t } from "../app/words.js";
import { Code } from "./code.js";
import { Dialog } from "./dialog.js";
import { Problem, described } from "./frame.js";

await addWords(() => import("../app/words_share.js"), () => import("../app/words_share_de.js"));

/** @typedef {{ id: string, prefix: string, label: string, created_at: string, expires_at: string | null,
 *   last_used_at: string | null, revoked_at: string | null }} ShareLink */
/** @typedef {{ public_stats: boolean, embed_origins: string[] }} Settings */

const SITE_PATH = "sites/" + encodeURIComponent(SITE);
const LINKS_PATH = SITE_PATH + "/share-links";
const DAY_MS = 864e5;
/** Days until a link ends; 0: never. */
const LIFETIMES = [0, 7, 30, 90, 365];
const FRAME_HEIGHT = 1900;

// The overview does without the style of the other pages, which has the lists and forms of this dialog.
await new Promise((resolve) => {
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: BASE + "pages.css", onload: resolve, onerror: resolve });
  document.head.append(style);
});

/** @param {{ close: () => void }} props */
export default function ShareDialog({ close }) {
  const { links, settings, failed, act } = useSharing();
  const [made, setMade] = useState(/** @type {(ShareLink & { token: string }) | null} */ (null));
  /** @param {string} label @param {number} days */
  const create = (label, days) => act("links", async () => {
    const expiry = days ? { expires_at: new Date(Date.now() + days * DAY_MS).toISOString() } : {};
    setMade(await send("POST", LINKS_PATH, { ...(label && { label }), ...expiry }));
  });
  const revoke = (/** @type {ShareLink} */ link) => act("links", async () => {
    await send("DELETE", `${LINKS_PATH}/${link.id}`);
    if (link.id === made?.id) setMade(null);
  });
  const allow = (/** @type {string[]} */ origins) => act("frames", () => send("PATCH", SITE_PATH, { embed_origins: origins }));
  const problem = (/** @type {string} */ place) => html`<${Problem} error=${failed?.place === place ? failed.error : null} />`;
  return html`<${Dialog} title=${t("shareTitle")} close=${close}><div class="sharing">
    <p class="muted">${t("shareIntro")}</p>
    <${LinkForm} create=${create} />
    ${problem("links")}
    ${made && html`<${Address} key=${made.id} path=${"/share/" + made.token} isNew=${true} />`}
    ${!links ? !failed && html`<div class="skeleton preview-sk"></div>` : html`<${LinkList} links=${links} revoke=${revoke} />`}
    ${settings?.public_stats && html`<h3>${t("sharePublic")}</h3><p class="muted">${t("sharePublicText")}</p>
      <${Address} path=${"/public/" + encodeURIComponent(SITE)} />`}
    ${settings && html`<${EmbedOrigins} origins=${settings.embed_origins} allow=${allow}>${problem("frames")}<//>`}
  </div><//>`;
}

/** Links and settings of the site. `act`: does something, says at its place what went wrong, and reads both again. */
function useSharing() {
  const [state, setState] = useState(/** @type {{ links: ShareLink[] | null, settings: Settings | null,
    failed: { place: string, error: Failure } | null }} */ ({ links: null, settings: null, failed: null }));
  const load = async () => {
    const [{ share_links: links }, settings] = await Promise.all([get(LINKS_PATH), get(SITE_PATH)]);
    setState((old) => ({ ...old, links, settings }));
  };
  /** @param {string} place @param {() => Promise<unknown>} run @returns {Promise<boolean>} */
  const act = async (place, run) => {
    try {
      await run();
      await load();
      setState((old) => ({ ...old, failed: null }));
      return true;
    } catch (failure) {
      setState((old) => ({ ...old, failed: { place, error: described(failure) } }));
      return false;
    }
  };
  useEffect(() => {
    act("links", async () => {});
  }, []);
  return { ...state, act };
}

/** @param {{ create: (label: string, days: number) => Promise<boolean> }} props */
function LinkForm({ create }) {
  const [isBusy, setBusy] = useState(false);
  /** @param {any} event */
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    setBusy(true);
    if (await create(form.elements.label.value.trim(), Number(form.elements.days.value))) form.reset();
    setBusy(false);
  };
  return html`<form class="line-form" onSubmit=${submit}>
    <label class="field">${t("linkName")}<input name="label" maxlength="200" placeholder=${t("linkNameHint")} data-focus />
      </label>
    <label class="field ends">${t("linkEnds")}<select name="days">${LIFETIMES.map((days) => html`<option key=${days}
      value=${days}>${days ? t("linkAfter", { n: days }) : t("never")}</option>`)}</select></label>
    <button class="btn primary" disabled=${isBusy}>${t("linkCreate")}</button>
  </form>`;
}

/** An address to copy, and the line that shows it in another page. `isNew`: it is shown this once.
 * @param {{ path: string, isNew?: boolean }} props */
function Address({ path, isNew }) {
  const frame = `<iframe src="${location.origin}/embed${path}" title="${t("shareFrame")}" width="100%" height="${FRAME_HEIGHT}"`
    + ` loading="lazy" frameborder="0"></iframe>`;
  return html`<div class="made" role=${isNew ? "status" : undefined}>
    ${isNew && html`<p><b>${t("linkMade")}</b> ${t("linkOnce")}</p>`}
    <${Code} text=${location.origin + path} label=${t("shareAddress")} />
    <details><summary>${t("shareCode")}</summary><${Code} text=${frame} label=${t("shareCode")} /></details>
  </div>`;
}

/** @param {{ links: ShareLink[], revoke: (link: ShareLink) => Promise<boolean> }} props */
function LinkList({ links, revoke }) {
  const now = Date.now();
  const isOver = (/** @type {ShareLink} */ one) => one.revoked_at !== null
    || (one.expires_at !== null && Date.parse(one.expires_at) <= now);
  const over = links.filter(isOver);
  return html`<ul class="jobs links" aria-label=${t("shareTitle")}>
      ${links.length === over.length && html`<li class="none">${t("linksNone")}</li>`}
      ${links.filter((one) => !isOver(one)).map((one) => html`<${LinkRow} key=${one.id} link=${one} revoke=${revoke} />`)}
    </ul>
    ${over.length > 0 && html`<details><summary>${t("linksOver", { n: over.length })}</summary>
      <ul class="jobs links">${over.map((one) => html`<${LinkRow} key=${one.id} link=${one} />`)}</ul></details>`}`;
}

/** @param {{ link: ShareLink, revoke?: (link: ShareLink) => Promise<boolean> }} props */
function LinkRow({ link, revoke }) {
  const [isAsked, setAsked] = useState(false);
  const name = link.label || t("linkNameless");
  const { revoked_at: revoked, expires_at: expires, last_used_at: used } = link;
  const end = revoked ? t("linkRevoked", { day: dayOf(revoked) }) : !expires ? t("linkNever")
    : t(revoke ? "linkUntil" : "linkEnded", { day: dayOf(expires) });
  return html`<li class="job">
    <div class="job-main">
      <div class="job-name"><b>${name}</b><code>${link.prefix}…</code></div>
      <div class="job-facts"><span>${t("linkCreated", { day: dayOf(link.created_at) })}</span><span>${end}</span>
        <span>${used ? t("linkUsed", { day: dayOf(used) }) : t("linkUnused")}</span></div>
    </div>
    ${revoke && html`<div class="job-tools" role="group" aria-label=${name}>${isAsked
      ? html`<span class="muted">${t("linkRevokeText")}</span>
        <button class="btn" onClick=${() => setAsked(false)}>${t("linkKeep")}</button>
        <button class="btn danger" onClick=${() => revoke(link)}>${t("linkRevoke")}</button>`
      : html`<button class="btn" aria-label=${`${t("linkRevoke")}: ${name}`} onClick=${() => setAsked(true)}>
        ${t("linkRevoke")}</button>`}</div>`}
  </li>`;
}

const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
/** @param {string} at */
const dayOf = (at) => day.format(Date.parse(at));

/** @param {{ origins: string[], allow: (origins: string[]) => Promise<boolean>, children: unknown }} props */
function EmbedOrigins({ origins, allow, children }) {
  /** @param {any} event */
  const add = async (event) => {
    event.preventDefault();
    const form = event.target;
    const origin = originOf(form.elements.origin.value.trim());
    if (await allow([...new Set([...origins, origin])])) form.reset();
  };
  return html`<h3>${t("embedTitle")}</h3>
    <p class="muted">${t("embedText")}</p>
    <div class="values">${origins.length ? origins.map((one) => html`<span class="chip" key=${one}><span
      class="lbl">${one}</span><button class="text-btn" aria-label=${t("remove", { value: one })}
      onClick=${() => allow(origins.filter((other) => other !== one))}>×</button></span>`) : html`<span
      class="none">${t("embedNone")}</span>`}</div>
    <form class="line-form" onSubmit=${add}>
      <label class="field">${t("embedOrigin")}<input name="origin" required inputmode="url"
        placeholder="https://intranet.example" /></label>
      <button class="btn">${t("embedAllow")}</button>
    </form>
    ${children}`;
}

/** Of a page's address the origin; what is no address, as it was typed: the API says what is accepted.
 * @param {string} text */
function originOf(text) {
  try {
    const { origin } = new URL(text);
    return origin === "null" ? text : origin;
  } catch {
    return text;
  }
}
