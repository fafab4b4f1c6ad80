// How to send the first event to a site, and that it has arrived.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { address, get, send, useReport } from "../app/api.js";
import { at, duration } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { SITE, may } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { Code } from "../parts/code.js";
import { Frame, Problem, described } from "../parts/frame.js";

await addWords(() => import("../app/words_start.js"), () => import("../app/words_start_de.js"));

/** @typedef {import("../app/words.js").Word} Word */
/** @typedef {{ type: string, path?: string, is_bot?: boolean, received_at: string }} Arrived */

/** The stream is faster; this finds what came between the page's first request and the stream. */
const ASK_MS = 5000;
const PLACEHOLDER = "pk_…";
const name = document.documentElement.dataset.name || SITE;
const opened = Date.now();

/** @param {{ pages: PageEntry[] }} props */
export default function StartPage({ pages }) {
  /** @type {Report<{ script: string, pinned_script: string, noscript: string }>} */
  const { data, error, retry } = useReport(`sites/${encodeURIComponent(SITE)}/snippet`);
  const [key, setKey] = usePublishableKey(data?.script.includes(PLACEHOLDER) ?? false);
  const arrival = useFirstEvent();
  return html`<${Frame} pages=${pages} name="start" title=${t("startTitle")} intro=${t("startIntro", { name })}
    isReady=${data !== null && arrival.isKnown}>
    <${Waiting} arrival=${arrival} />
    <${Problem} error=${error} retry=${retry} />
    ${data && html`<${KeyCard} needsKey=${data.script.includes(PLACEHOLDER)} value=${key} onKey=${setKey} /><${Ways}
      snippet=${data} value=${key} />`}
  <//>`;
}

/** A publishable key of the site, which its pages may carry: the newest that is valid. Only admins may read it.
 * @param {boolean} isNeeded @returns {[string, (key: string) => void]} */
function usePublishableKey(isNeeded) {
  const [key, setKey] = useState("");
  useEffect(() => {
    if (!isNeeded || !may("admin")) return;
    get("keys").then(({ keys }) => {
      const found = keys.find((/** @type {any} */ one) => one.kind === "publishable" && one.sites?.includes(SITE)
        && one.key && !one.revoked_at &&
        (!one.expires_at || Date.parse(one.expires_at) > Date.now()));
      if (found) setKey(found.key);
    }, () => {});
  }, [isNeeded]);
  return [key, setKey];
}

/** @typedef {{ isKnown: boolean, hadEvents: boolean, event: Arrived | null, isLive: boolean,
 *   waited: number }} Arrival */

/** Waits for an event of the site, also while the reader is in another tab, where the event may be made.
 * @returns {Arrival} */
function useFirstEvent() {
  const [arrival, setArrival] = useState(/** @type {Arrival} */ ({ isKnown: false, hadEvents: false, event: null,
    isLive: false, waited: 0 }));
  const isDone = useRef(false);
  useEffect(() => {
    let timer = 0;
    const stream = new EventSource(address(`reports/live?site=${encodeURIComponent(SITE)}&include_bots=true`));
    /** @param {Arrived} event */
    const arrive = (event) => {
      if (isDone.current) return;
      isDone.current = true;
      clearInterval(timer);
      stream.close();
      setArrival((old) => ({ ...old, isKnown: true, event, waited: (Date.now() - opened) / 1000 }));
    };
    stream.onopen = () => setArrival((old) => ({ ...old, isLive: true }));
    stream.onerror = () => setArrival((old) => ({ ...old, isLive: false }));
    stream.addEventListener("event", (message) => arrive(JSON.parse(message.data)));
    let isFirst = true;
    const ask = () => get("me").then((me) => {
      const found = me.sites.find((/** @type {any} */ one) => one.key === SITE);
      if (isFirst) setArrival((old) => ({ ...old, isKnown: true, hadEvents: Boolean(found?.first_event_at) }));
      else if (found?.first_event_at) arrive({ type: "", received_at: new Date().toISOString() });
      if (isFirst && found?.first_event_at) clearInterval(timer);
      isFirst = false;
    }, () => {});
    timer = setInterval(ask, ASK_MS);
    ask();
    return () => {
      clearInterval(timer);
      stream.close();
    };
  }, []);
  return arrival;
}

/** @param {{ arrival: Arrival }} props */
function Waiting({ arrival }) {
  const { event, hadEvents, isLive } = arrival;
  const site = "/sites/" + encodeURIComponent(SITE);
  if (event) {
    return html`<section class="card wait done" role="status"><span class="wait-mark"><${Icon} name="check" size="20" />
      </span>
      <div class="wait-text"><b>${t(hadEvents ? "nextArrived" : "firstArrived")}</b>
        <div>${event.type && html`<code>${event.type}
          </code> ${event.path} · `}${t("arrivedAt", { time: at(event.received_at), waited: duration(arrival.waited) })}
          </div>
        ${event.is_bot && html`<div>${t("arrivedBot")}</div>`}</div>
      <a class="btn primary" href=${site}>${t("openOverview")}</a></section>`;
  }
  return html`<section class="card wait" role="status"><span class="wait-mark"><span
    class=${isLive ? "pulse" : "pulse off"}></span></span>
    <div class="wait-text"><b>${t(hadEvents ? "hasEvents" : "waitsFirst", { name })}</b>
      <div>${t(isLive ? "waitsLive" : "waitsSlow")} <${Elapsed} /></div></div>
    ${hadEvents && html`<a class="btn" href=${site}>${t("openOverview")}</a>`}</section>`;
}

/** Not part of what a screen reader is told: it changes each second. */
function Elapsed() {
  const [, setNow] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return html`<span class="num" aria-hidden="true">${duration((Date.now() - opened) / 1000)}</span>`;
}

/** @param {{ needsKey: boolean, value: string, onKey: (key: string) => void }} props */
function KeyCard({ needsKey, value, onKey }) {
  const [error, setError] = useState(/** @type {Failure | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const command = `flask key create --publishable --site ${SITE} --origin https://…`;
  if (!needsKey) return html`<p class="note-line-text">${t("keyless")}</p>`;
  if (value) return html`<p class="note-line-text">${t("keyKnown")} <code>${value}</code></p>`;
  if (!may("admin")) return html`<p
    class="note-line-text">${t("keyAsk")} <code>${command}</code></p>`;
  /** @param {any} event */
  const create = async (event) => {
    event.preventDefault();
    setBusy(true);
    const origin = String(new FormData(event.target).get("origin")).trim().replace(/\/+$/, "");
    try {
      onKey((await send("POST", "keys", { kind: "publishable", site: SITE, name: origin.slice(0, 60),
        origins: [origin] })).key);
    } catch (failure) {
      setError(described(failure));
      setBusy(false);
    }
  };
  return html`<section class="card pad"><h2 class="card-title">${t("keyTitle")}</h2><p class="muted">${t("keyText")}</p>
    <form class="line-form" onSubmit=${create}>
      <label class="field grow">${t("keyOrigin")}<input name="origin" type="url" required
        placeholder="https://shop.example" autocomplete="url" /></label>
      <button class="btn primary" disabled=${isBusy}>${t("keyCreate")}</button></form>
    <${Problem} error=${error} /></section>`;
}

/** @type {{ name: string, title: Word, text: Word }[]} */
const WAYS = [
  { name: "script", title: "wayScript", text: "wayScriptText" },
  { name: "npm", title: "wayNpm", text: "wayNpmText" },
  { name: "react", title: "wayReact", text: "wayReactText" },
  { name: "curl", title: "wayCurl", text: "wayCurlText" },
  { name: "python", title: "wayPython", text: "wayPythonText" },
];

/** @param {{ snippet: { script: string, pinned_script: string, noscript: string }, value: string }} props */
function Ways({ snippet, value }) {
  const [chosen, setChosen] = useState("script");
  const way = WAYS.find((one) => one.name === chosen) ?? WAYS[0];
  const filled = (/** @type {string} */ text) => (value ? text.replaceAll(PLACEHOLDER, value) : text);
  /** @param {any} event */
  const onKey = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[/** @type {string} */ (event.key)];
    if (!step) return;
    const next = (WAYS.indexOf(way) + step + WAYS.length) % WAYS.length;
    setChosen(WAYS[next].name);
    event.currentTarget.children[next].focus();
  };
  return html`<section class="card pad ways" aria-label=${t("install")}>
    <div class="tabs"><div class="tabs-in" role="tablist" aria-label=${t("install")} onKeyDown=${onKey}>
      ${WAYS.map((one) => html`<button key=${one.name} id=${"way-" + one.name} role="tab" class="tab"
        aria-selected=${one.name === chosen} aria-controls="way"
        tabindex=${one.name === chosen ? 0 : -1} onClick=${() => setChosen(one.name)}>${t(one.title)}</button>`)}
    </div></div>
    <div id="way" role="tabpanel" aria-labelledby=${"way-" + chosen}><p class="muted">${t(way.text)}</p>
      ${codes(chosen, snippet).map(({ label, text, note }) => html`<div key=${chosen + label}><div
        class="code-head">${label}</div>${note && html`<p class="muted">${note}</p>`}<${Code} text=${filled(text)}
        label=${label} /></div>`)}</div>
  </section>`;
}

/** The code of a way. docs/sdk.md, sdk/README.md and sdk/python/README.md explain it.
 * @param {string} way @param {{ script: string, pinned_script: string, noscript: string }}
 *   snippet @returns {{ label: string, text: string, note?: string }[]} */
function codes(way, { script, pinned_script, noscript }) {
  const base = /src="([^"]*)\/sdk\//.exec(script)?.[1] ?? location.origin;
  const key = script.includes(PLACEHOLDER) ? JSON.stringify(PLACEHOLDER) : "undefined";
  const site = JSON.stringify(SITE);
  const lines = (/** @type {string[]} */ ...all) => all.join("\n");
  switch (way) {
    case "npm":
      return [
        { label: t("codeInstall"), text: "npm install ./sdk" },
        {
          label: "JavaScript",
          text: lines(
            'import { AnalyticsClient } from "analytics-sdk";',
            "",
            `const client = new AnalyticsClient("${base}", ${key}, { site: ${site} });`,
            "client.page();",
            'client.track("signup", { plan: "pro" });',
          ),
        },
      ];
    case "react":
      return [{
        label: "React",
        text: lines(
          'import { AnalyticsProvider, useAnalytics, usePageViews } from "analytics-sdk/react";',
          "",
          `<AnalyticsProvider apiUrl="${base}" token={${key}} options={{ site: ${site} }}>…</AnalyticsProvider>`,
          "",
          "// In a component inside it:",
          "const { track } = useAnalytics();",
          "usePageViews(location.pathname);",
          'return <button onClick={() => track("signup", { plan: "pro" })}>Sign up</button>;',
        ),
      }];
    case "curl":
      return [{
        label: "curl",
        text: lines(
          `curl -X POST '${base}/api/analytics/ingest?site=${encodeURIComponent(SITE)}' \\`,
          '  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\',
          `  -d '[{"type": "page_view", "path": "/", "user_id": "user-123"}]'`,
        ),
      }];
    case "python":
      return [
        {
          label: t("codeInstall"),
          text: lines(`flask key create --scope ingest --site ${SITE} --name backend`, "pip install ./sdk/python"),
        },
        {
          label: "Python",
          text: lines(
            "from analytics_client import Client",
            "",
            `client = Client("${base}", "sk_…", site=${site}, spool_dir="/var/lib/${SITE}/analytics")`,
            'client.track("order", {"total": 49.9, "currency": "EUR"}, user_id="ann")',
            "client.flush(5)",
          ),
        },
      ];
    default:
      return [
        { label: t("codeScript"), text: script },
        { label: t("codePinned"), text: pinned_script, note: t("codePinnedText") },
        { label: t("codePixel"), text: noscript, note: t("codePixelText") },
      ];
  }
}
