// What changes a site for everybody: another key, and its end.
import { html, useState } from "../vendor/preact.js";
import { send } from "../app/api.js";
import { SITE } from "../app/state.js";
import { t } from "../app/words.js";
import { Dialog } from "./dialog.js";
import { described, Problem } from "./frame.js";

/** @param {{ site: import("./site_forms.js").SiteSettings }} props */
export function DangerZone({ site }) {
  const [isAsking, setAsking] = useState(false);
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  const path = `sites/${encodeURIComponent(SITE)}`;
  const fail = (/** @type {any} */ reason) => setError(described(reason));
  /** @param {any} event */
  const rename = (event) => {
    event.preventDefault();
    const key = String(new FormData(event.target).get("key")).trim();
    send("PATCH", path, { key }).then(() => location.assign(`/sites/${encodeURIComponent(key)}/settings`), fail);
  };
  const remove = () => send("DELETE", path).then(() => location.assign("/"), fail);
  return html`<section class="card pad" aria-label=${t("dangerTitle")}>
    <h2 class="card-title">${t("dangerTitle")}</h2><${Problem} error=${error} />
    <form class="line-form" onSubmit=${rename}><label class="field">${t("keyOfSite")}<input name="key" required
      maxlength="64" autocomplete="off" spellcheck=${false} value=${site.key} aria-describedby="help-key" /></label>
      <button class="btn">${t("renameSite")}</button></form>
    <p id="help-key" class="muted">${t("renameText")}${site.aliases.length > 0 && " " + t("aliasesText",
      { names: site.aliases.join(", ") })}</p>
    <div class="line-form"><button class="btn danger" onClick=${() => setAsking(true)}>${t("deleteSite")}</button></div>
    <p class="muted">${t("deleteSiteText")}</p>
    ${isAsking && html`<${DeleteDialog} site=${site} remove=${remove} close=${() => setAsking(false)} />`}
  </section>`;
}

/** Deletes only once the site's key is typed. @param {{ site: { key: string, name: string }, remove: () => void,
 *   close: () => void }} props */
function DeleteDialog({ site, remove, close }) {
  const [typed, setTyped] = useState("");
  /** @param {any} event */
  const submit = (event) => {
    event.preventDefault();
    close();
    remove();
  };
  return html`<${Dialog} title=${t("deleteSiteTitle", { name: site.name })} close=${close} isNarrow=${true}>
    <form onSubmit=${submit}><div class="ask">${t("deleteSiteText")}</div>
      <label class="field">${t("typeKey", { key: site.key })}<input data-focus autocomplete="off" value=${typed}
        onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} /></label>
      <div class="dlg-foot"><button type="button" class="btn" onClick=${close}>${t("cancel")}</button>
        <button class="btn danger" disabled=${typed !== site.key}>${t("deleteSite")}</button></div></form><//>`;
}
