// The keys of a site: publishable ones for its pages, secret ones for servers. A secret one is shown once.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, send } from "../app/api.js";
import { when } from "../app/format.js";
import { SITE } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { CopyButton } from "./code.js";
import { Confirm } from "./confirm.js";
import { described, Problem } from "./frame.js";
import { Empty } from "./rows.js";

await addWords(() => import("../app/words_settings.js"), () => import("../app/words_settings_de.js"));

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ id: string, kind: "publishable" | "secret", prefix: string, name: string, key: string | null,
 *   scopes: string[], sites: string[] | null, origins: string[], created_by: string, created_at: string,
 *   expires_at: string | null, last_used_at: string | null, revoked_at: string | null }} Key */

const SCOPES = ["ingest", "read", "export", "write", "admin"];
/** @param {{ expires_at: string | null, revoked_at: string | null }} one */
export const isValid = (one) => !one.revoked_at && (!one.expires_at || Date.parse(one.expires_at) > Date.now());

export function Keys() {
  const [keys, setKeys] = useState(/** @type {Key[] | null} */ (null));
  const [made, setMade] = useState(/** @type {Key | null} */ (null));
  const [asked, setAsked] = useState(/** @type {{ key: Key, what: "revoke" | "rotate" } | null} */ (null));
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  /** @param {Promise<Key | null>} work */
  const act = (work) => work.then((key) => {
    setMade(key?.key ? key : null);
    setError(null);
    return get("keys").then((found) => setKeys(found.keys.filter(isOfSite)));
  }).catch((reason) => setError(described(reason)));
  useEffect(() => void act(Promise.resolve(null)), []);
  const confirm = () => {
    if (!asked) return;
    setAsked(null);
    act(asked.what === "revoke" ? send("DELETE", `keys/${asked.key.id}`) : send("POST", `keys/${asked.key.id}/rotate`, {}));
  };
  const valid = keys?.filter(isValid);
  return html`<section class="card pad" aria-label=${t("keysTitle")}>
    <h2 class="card-title">${t("keysTitle")}</h2><p class="muted">${t("keysIntro")}</p>
    <${KeyForm} create=${(/** @type {unknown} */ body) => act(send("POST", "keys", body))} />
    <${Problem} error=${error} retry=${() => act(Promise.resolve(null))} />
    ${made && html`<div class="secret" role="status"><span>${t(made.kind === "secret" ? "secretOnce" : "keyMade")}</span>
      <code>${made.key}</code><${CopyButton} text=${made.key ?? ""} label=${made.name} /></div>`}
    ${!valid ? html`<div class="skeleton settings-sk"></div>` : !valid.length ? html`<${Empty}
      title=${t("noKeys")}>${t("noKeysText")}<//>` : html`<ul class="jobs">${valid.map((key) => html`<li key=${key.id}>
        <${KeyRow} item=${key} ask=${setAsked} /></li>`)}</ul>`}
    ${asked && html`<${Confirm} title=${t(asked.what === "revoke" ? "revokeTitle" : "rotateTitle", nameOf(asked.key))}
      text=${t(asked.what === "revoke" ? "revokeText" : "rotateText")} yes=${t(asked.what === "revoke" ? "revoke" : "rotate")}
      confirm=${confirm} close=${() => setAsked(null)} />`}
  </section>`;
}

/** @param {Key} key */
const isOfSite = (key) => key.sites === null || key.sites.includes(SITE);
/** @param {Key} key */
const nameOf = (key) => ({ name: key.name || key.prefix });

/** @param {{ item: Key, ask: (asked: { key: Key, what: "revoke" | "rotate" }) => void }} props */
function KeyRow({ item: key, ask }) {
  return html`<div class="job"><div class="job-main">
      <div class="job-name"><b>${key.name || key.prefix}</b><span
        class="state">${t(/** @type {Word} */ ("kind_" + key.kind))}</span></div>
      <div class="job-facts"><span><code>${key.key ?? key.prefix + "…"}</code></span>
        <span>${key.scopes.join(", ")}</span>${key.origins.length > 0 && html`<span>${key.origins.join(", ")}</span>`}</div>
      <div class="job-facts"><span>${t("madeBy", { name: key.created_by, time: when(key.created_at) })}</span>
        <span>${key.last_used_at ? t("lastUsed", { time: when(key.last_used_at) }) : t("neverUsed")}</span>
        ${key.expires_at && html`<span>${t("endsAt", { time: when(key.expires_at) })}</span>`}</div></div>
    <div class="job-tools">${key.key && html`<${CopyButton} text=${key.key} label=${key.name || key.prefix} kind="iconbtn" />`}
      <button class="btn" onClick=${() => ask({ key, what: "rotate" })}>${t("rotate")}</button>
      <button class="btn danger" onClick=${() => ask({ key, what: "revoke" })}>${t("revoke")}</button></div></div>`;
}

/** @param {{ create: (body: unknown) => void }} props */
function KeyForm({ create }) {
  const [kind, setKind] = useState("publishable");
  /** @param {any} event */
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const name = String(form.get("name")).trim();
    const origin = String(form.get("origin") ?? "").trim().replace(/\/+$/, "");
    const rest = kind === "publishable" ? (origin ? { origins: [origin] } : {}) : { scopes: form.getAll("scope") };
    create({ kind, site: SITE, ...(name && { name }), ...rest });
    event.target.reset();
    setKind("publishable");
  };
  return html`<form class="line-form" onSubmit=${submit}>
    <label class="field">${t("kindOfKey")}<select name="kind" value=${kind}
      onChange=${(/** @type {any} */ event) => setKind(event.target.value)}>
      <option value="publishable">${t("kind_publishable")}</option><option value="secret">${t("kind_secret")}</option>
      </select></label>
    <label class="field">${t("nameOfKey")}<input name="name" maxlength="200" autocomplete="off" /></label>
    ${kind === "publishable" ? html`<label class="field">${t("originOfKey")}<input name="origin" type="url"
      placeholder="https://" autocomplete="off" /></label>` : html`<${ScopeChecks} chosen=${["ingest"]} />`}
    <button class="btn">${t("createKey")}</button></form>`;
}

/** @param {{ chosen: string[] }} props */
export const ScopeChecks = ({ chosen }) => html`<fieldset class="scopes"><legend>${t("scopes")}</legend>
  ${SCOPES.map((scope) => html`<label key=${scope} class="check"><input type="checkbox" name="scope" value=${scope}
    defaultChecked=${chosen.includes(scope)} />${scope}</label>`)}</fieldset>`;
