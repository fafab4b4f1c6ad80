// The tokens that this service issued for the site: made, shown once, revoked.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get, send } from "../app/api.js";
import { SITE } from "../app/state.js";
import { t } from "../app/words.js";
import { CopyButton } from "./code.js";
import { Confirm } from "./confirm.js";
import { described, Problem } from "./frame.js";
import { ScopeChecks, isValid } from "./keys.js";
import { when } from "./order.js";
import { Empty } from "./panel.js";

/** @typedef {{ jti: string, subject: string, issued_by: string, issued_at: string, expires_at: string | null,
 *   revoked_at: string | null, token: string | null, scopes: string[], sites: string[] | null }} Token */

const LIFETIMES = [30, 365];
const DAY_MS = 864e5;
/** The service chooses: 90 days, and no longer than the reader may. */
const DEFAULT = -1;

export function Tokens() {
  const [tokens, setTokens] = useState(/** @type {Token[] | null} */ (null));
  const [made, setMade] = useState(/** @type {Token | null} */ (null));
  const [asked, setAsked] = useState(/** @type {Token | null} */ (null));
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  /** @param {Promise<Token | null>} work */
  const act = (work) => work.then((token) => {
    setMade(token?.token ? token : null);
    setError(null);
    return get("tokens").then((found) => setTokens(found.tokens.filter(isOfSite)));
  }).catch((reason) => setError(described(reason)));
  useEffect(() => void act(Promise.resolve(null)), []);
  const revoke = () => {
    if (asked) act(send("DELETE", "tokens/" + encodeURIComponent(asked.jti)));
    setAsked(null);
  };
  const valid = tokens?.filter(isValid);
  return html`<section class="card pad" aria-label=${t("tokensTitle")}>
    <h2 class="card-title">${t("tokensTitle")}</h2><p class="muted">${t("tokensIntro")}</p>
    <${TokenForm} create=${(/** @type {unknown} */ body) => act(send("POST", "tokens", body))} />
    <${Problem} error=${error} retry=${() => act(Promise.resolve(null))} />
    ${made && html`<div class="secret" role="status"><span>${t("secretOnce")}</span><code>${made.token}</code>
      <${CopyButton} text=${made.token ?? ""} label=${made.subject} /></div>`}
    ${!valid ? html`<div class="skeleton settings-sk"></div>` : !valid.length ? html`<${Empty} title=${t("noTokens")} />`
      : html`<ul class="jobs">${valid.map((token) => html`<li key=${token.jti}><${TokenRow} token=${token}
        ask=${setAsked} /></li>`)}</ul>`}
    ${asked && html`<${Confirm} title=${t("revokeTitle", { name: asked.subject })} text=${t("revokeText")} yes=${t("revoke")}
      confirm=${revoke} close=${() => setAsked(null)} />`}
  </section>`;
}

/** @param {Token} token */
const isOfSite = (token) => token.sites === null || token.sites.includes(SITE);

/** @param {{ token: Token, ask: (token: Token) => void }} props */
const TokenRow = ({ token, ask }) => html`<div class="job"><div class="job-main">
    <div class="job-name"><b>${token.subject}</b></div>
    <div class="job-facts"><span>${token.scopes.join(", ")}</span><span>${token.sites === null ? t("everySite")
      : token.sites.join(", ")}</span></div>
    <div class="job-facts"><span>${t("madeBy", { name: token.issued_by, time: when(token.issued_at) })}</span>
      <span>${token.expires_at ? t("endsAt", { time: when(token.expires_at) }) : t("neverEnds")}</span></div></div>
  <div class="job-tools"><button class="btn danger" onClick=${() => ask(token)}>${t("revoke")}</button></div></div>`;

/** @param {{ create: (body: unknown) => void }} props */
function TokenForm({ create }) {
  /** @param {any} event */
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const days = Number(form.get("days"));
    const end = days === DEFAULT ? {} : { expires_at: days ? new Date(Date.now() + days * DAY_MS).toISOString() : null };
    create({ subject: String(form.get("subject")).trim(), site: SITE, scopes: form.getAll("scope"), ...end });
    event.target.reset();
  };
  return html`<form class="line-form" onSubmit=${submit}>
    <label class="field">${t("subjectOfToken")}<input name="subject" required maxlength="200" autocomplete="off" /></label>
    <label class="field">${t("lifetime")}<select name="days"><option value=${DEFAULT}>
      ${t("defaultLifetime")}</option>${LIFETIMES.map((days) => html`<option key=${days} value=${days}>
      ${t("daysLong", { n: days })}</option>`)}<option value="0">${t("neverEnds")}</option></select>
      </label>
    <${ScopeChecks} chosen=${["read"]} /><button class="btn">${t("createToken")}</button></form>`;
}
