// A modal dialog with a title and a close button. Escape and a click beside it close it. What has `data-focus` gets the
// focus, else the first control.
import { html, useEffect, useRef } from "../vendor/preact.js";
import { Icon } from "../app/icons.js";
import { t } from "../app/words.js";

/** @param {{ title: string, close: () => void, children: unknown, tools?: unknown, isNarrow?: boolean }} props */
export function Dialog({ title, close, children, tools, isNarrow }) {
  const box = /** @type {{ current: HTMLDialogElement }} */ (useRef());
  useEffect(() => {
    const opener = /** @type {HTMLElement | null} */ (document.activeElement);
    box.current.showModal();
    /** @type {HTMLElement | null} */ (box.current.querySelector("[data-focus]"))?.focus();
    return () => opener?.focus();
  }, []);
  return html`<dialog ref=${box} class=${isNarrow ? "narrow" : ""} onClose=${close} aria-labelledby="dialog-title"
    onClick=${(/** @type {any} */ event) => event.target === box.current && box.current.close()}>
    <div class="dlg-head"><h2 id="dialog-title">${title}</h2><span class="grow"></span>${tools}
      <button class="iconbtn" aria-label=${t("close")} onClick=${() => box.current.close()}><${Icon} name="x" /></button>
        </div>
    <div class="dlg-body">${children}</div>
  </dialog>`;
}
