// Keyboard shortcuts of a page. Never while somebody types, in a dialog, or together with Ctrl, Alt or Meta.

const SEQUENCE_MS = 1500;

/** Calls the action of a pressed key; `g x`: of two keys one after the other. The result removes the shortcuts.
 * @param {(key: string) => (() => void) | undefined} find */
export function listen(find) {
  let started = 0;
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const at = /** @type {Element} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (at.closest("input, select, textarea, dialog") || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    const action = find(Date.now() - started < SEQUENCE_MS ? "g " + key : key);
    started = key === "g" ? Date.now() : 0;
    if (!action) return;
    event.preventDefault();
    action();
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}
