// The settings of a site as forms: each saves what was changed in it, and can be taken back.
import { html, useState } from "../vendor/preact.js";
import { send } from "../app/api.js";
import { SITE, may } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { described, Problem } from "./frame.js";

await addWords(() => import("../app/words_settings.js"), () => import("../app/words_settings_de.js"));

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ key: string, name: string, zone: string, types: string, event_types: string[], identity: string,
 *   public_ingest: boolean, public_stats: boolean, allowed_origins: string[], domains: string[], embed_origins: string[],
 *   event_retention_days: number | null, visitor_window: string, visitor_by: string, aliases: string[],
 *   status: string }} SiteSettings */
/** `kind`: text, zone, days (empty: the service's own), lines (a value each), flag, or the words to choose from.
 * @typedef {{ name: keyof SiteSettings, kind: "text" | "zone" | "days" | "lines" | "flag" | string[] }} Setting */

/** @type {{ title: Word, settings: Setting[] }[]} */
const FORMS = [
  { title: "generalTitle", settings: [{ name: "name", kind: "text" }, { name: "zone", kind: "zone" },
    { name: "domains", kind: "lines" }, { name: "event_retention_days", kind: "days" }] },
  { title: "collectTitle", settings: [{ name: "public_ingest", kind: "flag" }, { name: "allowed_origins", kind: "lines" },
    { name: "types", kind: ["open", "strict"] }, { name: "event_types", kind: "lines" },
    { name: "identity", kind: ["trust", "enforce", "override"] }] },
  { title: "visitorsTitle", settings: [{ name: "visitor_window", kind: ["day", "month", "forever"] },
    { name: "visitor_by", kind: ["address_and_agent", "address"] }] },
  { title: "readersTitle", settings: [{ name: "public_stats", kind: "flag" }, { name: "embed_origins", kind: "lines" }] },
];

/** @param {{ site: SiteSettings, changed: (site: SiteSettings) => void }} props */
export const SiteForms = ({ site, changed }) => FORMS.map((form) => html`<${SettingsForm} key=${form.title}
  title=${form.title} settings=${form.settings} site=${site} changed=${changed} />`);

/** @param {{ title: Word, settings: Setting[], site: SiteSettings, changed: (site: SiteSettings) => void }} props */
function SettingsForm({ title, settings, site, changed }) {
  const [draft, setDraft] = useState(/** @type {Partial<SiteSettings>} */ ({}));
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  const [before, setBefore] = useState(/** @type {Partial<SiteSettings> | null} */ (null));
  const isChanged = Object.keys(draft).length > 0;
  /** @param {Partial<SiteSettings>} values @param {Partial<SiteSettings> | null} undo */
  const save = (values, undo) => send("PATCH", `sites/${encodeURIComponent(SITE)}`, values).then((found) => {
    changed(found);
    setDraft({});
    setError(null);
    setBefore(undo);
  }, (reason) => setError(described(reason)));
  /** @param {any} event */
  const submit = (event) => {
    event.preventDefault();
    save(draft, Object.fromEntries(Object.keys(draft).map((name) => [name, site[/** @type {keyof SiteSettings} */ (name)]])));
  };
  const set = (/** @type {string} */ name, /** @type {unknown} */ value) => {
    setBefore(null);
    setDraft((old) => ({ ...old, [name]: value }));
  };
  return html`<section class="card pad" aria-label=${t(title)}>
    <h2 class="card-title">${t(title)}</h2>
    <form class="settings" onSubmit=${submit}>
      ${settings.map((one) => html`<${Control} key=${one.name} setting=${one} value=${draft[one.name] ?? site[one.name]}
        isCleared=${one.name in draft && draft[one.name] === null} set=${set} />`)}
      <${Problem} error=${error} />
      ${may("admin") && html`<div class="settings-foot">
        <button class="btn primary" disabled=${!isChanged}>${t("save")}</button>
        ${isChanged && html`<button type="button" class="btn" onClick=${() => setDraft({})}>${t("cancel")}</button>`}
        <span role="status" class="said">${before && !isChanged ? t("savedSaid") : ""}</span>
        ${before && !isChanged && html`<button type="button" class="btn" onClick=${() => save(before, null)}>${t("undo")}
          </button>`}</div>`}
    </form></section>`;
}

/** @param {{ setting: Setting, value: any, isCleared: boolean, set: (name: string, value: unknown) => void }} props */
function Control({ setting: { name, kind }, value, isCleared, set }) {
  const isLocked = !may("admin");
  const help = "help-" + name;
  const change = (/** @type {any} */ event) => set(name, read(kind, event.target));
  const shown = isCleared ? "" : value;
  const note = html`<span id=${help} class="muted">${t(/** @type {Word} */ ("help_" + name))}</span>`;
  if (kind === "flag") {
    return html`<div class="setting"><label class="check"><input type="checkbox" checked=${value} disabled=${isLocked}
      aria-describedby=${help} onChange=${change} />${t(/** @type {Word} */ ("set_" + name))}</label>${note}</div>`;
  }
  return html`<div class="setting"><label class="field">${t(/** @type {Word} */ ("set_" + name))}
    ${Array.isArray(kind) ? html`<select value=${value} disabled=${isLocked} aria-describedby=${help} onChange=${change}>
        ${kind.map((word) => html`<option key=${word} value=${word}>${t(/** @type {Word} */ (`${name}_${word}`))}</option>`)}
        </select>`
      : kind === "lines" ? html`<textarea rows=${Math.min(8, Math.max(2, value.length + 1))} disabled=${isLocked}
        spellcheck=${false} aria-describedby=${help} onInput=${change}>${value.join("\n")}</textarea>`
      : html`<input type=${kind === "days" ? "number" : "text"} min="1" max="36500" required=${kind !== "days"}
        disabled=${isLocked} autocomplete="off" spellcheck=${false} list=${kind === "zone" ? "zones" : undefined}
        value=${shown ?? ""} aria-describedby=${help} onInput=${change} />`}
    </label>${kind === "zone" && html`<datalist id="zones">${ZONES.map((zone) => html`<option key=${zone} value=${zone} />`)}
      </datalist>`}${note}</div>`;
}

const ZONES = Intl.supportedValuesOf("timeZone");

/** @param {Setting["kind"]} kind @param {any} control */
function read(kind, control) {
  if (kind === "flag") return control.checked;
  if (kind === "days") return control.value === "" ? null : Number(control.value);
  if (kind === "lines") return control.value.split("\n").map((/** @type {string} */ one) => one.trim()).filter(Boolean);
  return control.value;
}
