// A button that opens a list: by mouse, by keyboard (arrows, Home, End, Escape), closed by a click elsewhere.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Icon } from "../app/icons.js";

/** Elements with `data-close` in the children close the menu; children that are a function get what closes it. @param {MenuProps} props */
export function Menu({ label, title, children, icon, kind = "", button = "btn", isStart, onOpen }) {
  const [isOpen, setOpen] = useState(false);
  const box = /** @type {{ current: HTMLElement }} */ (useRef());
  useEffect(() => {
    if (!isOpen) return undefined;
    onOpen?.();
    items(box.current)[0]?.focus();
    const leave = (/** @type {any} */ event) => box.current.contains(event.target) || setOpen(false);
    addEventListener("pointerdown", leave);
    return () => removeEventListener("pointerdown", leave);
  }, [isOpen]);
  const close = () => {
    setOpen(false);
    box.current.querySelector("button")?.focus();
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (!isOpen) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (!(/** @type {Element} */ (event.target).closest("input"))) moveFocus(box.current, event);
  };
  /** @param {any} event */
  const onFocusOut = (event) => event.relatedTarget && !box.current.contains(event.relatedTarget) && setOpen(false);
  return html`<div class=${"menu " + kind} ref=${box} onKeyDown=${onKey} onFocusOut=${onFocusOut}>
    <button class=${button} aria-haspopup="true" aria-expanded=${isOpen} title=${title} onClick=${() => setOpen(!isOpen)}>
      ${icon && html`<${Icon} name=${icon} />`}${label}<${Icon} name="chevron" size="14" />
    </button>
    ${isOpen && html`<div class=${"pop" + (isStart ? " start" : "")} role="group" aria-label=${title}
      onClick=${(/** @type {any} */ event) => event.target.closest("[data-close]") && close()}>${typeof children === "function" ? children(close) : children}</div>`}
  </div>`;
}

/** @param {Element} box @returns {HTMLElement[]} */
const items = (box) => [...box.querySelectorAll(".item")].map((one) => /** @type {HTMLElement} */ (one));

/** @param {Element} box @param {KeyboardEvent} event */
function moveFocus(box, event) {
  const all = items(box);
  const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined || !all.length) return;
  event.preventDefault();
  all[(to + all.length) % all.length].focus();
}
