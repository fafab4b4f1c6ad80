// The settings of a site, its keys and tokens, and who the reader is. Only administrators change anything.
import { html, useEffect, useState } from "../vendor/preact.js";
import { useReport } from "../app/api.js";
import { when } from "../app/format.js";
import { SITE, may } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { Frame, Problem } from "../parts/frame.js";
import { Keys } from "../parts/keys.js";
import { DangerZone } from "../parts/site_end.js";
import { SiteForms } from "../parts/site_forms.js";
import { Tokens } from "../parts/tokens.js";

await addWords(() => import("../app/words_settings.js"), () => import("../app/words_settings_de.js"));

/** @typedef {import("../parts/site_forms.js").SiteSettings} SiteSettings */
/** @typedef {{ subject: string, kind: string, scopes: string[], expires_at: string | null, all_sites: boolean,
 *   sites: { key: string, name: string }[] }} Me */

/** @param {{ pages: PageEntry[] }} props */
export default function SettingsPage({ pages }) {
  /** @type {Report<SiteSettings>} */
  const found = useReport(`sites/${encodeURIComponent(SITE)}`);
  const [site, setSite] = useState(/** @type {SiteSettings | null} */ (null));
  useEffect(() => setSite(found.data), [found.data]);
  return html`<${Frame} pages=${pages} name="settings" title=${t("settings")} intro=${t("settingsIntro")}
    isReady=${site !== null}>
    <${Problem} error=${found.error} retry=${found.retry} />
    ${!may("admin") && html`<div class="card pad muted">${t("settingsReadOnly")}</div>`}
    ${site ? html`<${SiteForms} site=${site} changed=${setSite} />` : html`<div class="card skeleton settings-sk"></div>`}
    ${may("admin") && html`<${Keys} /><${Tokens} />`}
    <${WhoAmI} />
    ${may("admin") && site && html`<${DangerZone} site=${site} />`}
  <//>`;
}

function WhoAmI() {
  /** @type {Report<Me>} */
  const { data: me, error, retry } = useReport("me");
  return html`<section class="card pad" aria-label=${t("whoAmI")}>
    <h2 class="card-title">${t("whoAmI")}</h2><${Problem} error=${error} retry=${retry} />
    ${!me ? html`<div class="skeleton settings-sk"></div>` : html`<dl class="facts">
      <div><dt>${t("nameOfPerson")}</dt><dd>${me.subject}</dd></div>
      <div><dt>${t("scopes")}</dt><dd>${me.scopes.join(", ")}</dd></div>
      <div><dt>${t("skipSites")}</dt><dd>${me.all_sites ? t("everySite") : me.sites.map((one) => one.name).join(", ")}
        </dd></div>
      <div><dt>${t("sessionEnds")}</dt><dd>${me.expires_at ? when(me.expires_at) : t("never")}</dd></div></dl>`}
  </section>`;
}
