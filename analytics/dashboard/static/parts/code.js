// Text to take along: a block of code and a button that copies it.
import { html, useEffect, useState } from "../vendor/preact.js";
import { Icon } from "../app/icons.js";
import { t } from "../app/words.js";

const SHOWN_MS = 2000;

/** @param {{ text: string, label?: string, kind?: string }} props `label`: what is copied, for screen readers. */
export function CopyButton({ text, label, kind = "btn" }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return undefined;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const name = label ? `${t("copy")}: ${label}` : t("copy");
  return html`<button type="button" class=${kind} title=${name} aria-label=${isCopied ? t("copied") : name}
    onClick=${() => copy(text).then(() => setCopied(true), () => {})}>
    <${Icon} name=${isCopied ? "check" : "copy"} />${kind === "btn" && html`<span
      aria-live="polite">${t(isCopied ? "copied" : "copy")}</span>`}</button>`;
}

/** Without HTTPS a browser offers no clipboard; then a selection is copied. @param {string} text */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "vh";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  return area.remove();
}

/** @param {{ text: string, label: string }} props */
export const Code = ({ text, label }) => html`<div class="code"><pre tabindex="0" aria-label=${label}><code>${text}
  </code></pre><${CopyButton} text=${text} label=${label} /></div>`;
