// A message that leaves by itself, and may offer to take back what it tells.
import { html, useEffect, useRef } from "../vendor/preact.js";
import { Icon } from "../app/icons.js";
import { t } from "../app/words.js";

const SHOWN_MS = 8_000;

/** Stays while the pointer or the keyboard is on it. @param {{ said: Said, close: () => void }} props */
export function Toast({ said, close }) {
  const box = /** @type {{ current: HTMLElement }} */ (useRef());
  useEffect(() => {
    // What opened the dialog may be gone with what was deleted, and undoing is the likely next step.
    if (said.undo) box.current.querySelector("button")?.focus();
    const timer = setInterval(() => box.current.matches(":hover, :has(:focus-visible)") || close(), SHOWN_MS);
    return () => clearInterval(timer);
  }, [said]);
  const undo = () => {
    close();
    said.undo?.();
    /** @type {HTMLElement | null} */ (document.querySelector(".chart svg"))?.focus();
  };
  return html`<div class="toast" ref=${box} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && close()}>
    <span>${said.text}</span>
    ${said.undo && html`<button onClick=${undo}>${t("undo")}</button>`}
    <button class="iconbtn" aria-label=${t("close")} onClick=${close}><${Icon} name="x" /></button>
  </div>`;
}
