// A question before what cannot be undone. The button that does it is never the one with the focus.
import { html } from "../vendor/preact.js";
import { t } from "../app/words.js";
import { Dialog } from "./dialog.js";

/** @param {{ title: string, text: string, yes: string, confirm: () => void, close: () => void }} props */
export const Confirm = ({ title, text, yes, confirm, close }) => html`<${Dialog} title=${title} close=${close}
  isNarrow=${true}><div class="ask">${text}</div>
  <div class="dlg-foot"><button class="btn" data-focus onClick=${close}>${t("cancel")}</button>
    <button class="btn danger" onClick=${confirm}>${yes}</button></div><//>`;
