// The dialog of the notes on some days: reads them, and where the reader may write, adds, changes and deletes them.
import { html, useState } from "../vendor/preact.js";
import { send } from "../app/api.js";
import { days } from "../app/format.js";
import { Icon } from "../app/icons.js";
import { SITE, may } from "../app/state.js";
import { t } from "../app/words.js";
import { Dialog } from "./dialog.js";

const MAX_CHARS = 500;

/** @typedef {{ id?: string, day: string, text: string }} Draft */
/** @typedef {{ day: string, notes: DayNote[], reload: () => void, say: (said: Said) => void, close: () => void }} Props */

/** `notes`: to read; none: writes a new one on `day`. `reload`: the chart's notes. @param {Props} props */
export default function NotesDialog({ day, notes, reload, say, close }) {
  const [draft, setDraft] = useState(/** @type {Draft | null} */ (notes.length ? null : { day, text: "" }));
  const [error, setError] = useState("");
  /** @param {Promise<void>} change */
  const finish = (change) => change.then(() => {
    close();
    reload();
  }, (failure) => setError(failure.message || t("offline")));
  const save = (/** @type {Draft} */ one) => finish(store(one).then(() => say({ text: t("noteSaved", { day: nameDay(one) }) })));
  const remove = (/** @type {DayNote} */ one) => finish(send("DELETE", `notes/${one.id}`).then(() => say({
    text: t("noteDeleted"),
    undo: () => store({ day: one.day, text: one.text }).then(reload, () => say({ text: t("offline") })),
  })));
  const title = t(!draft ? "notes" : draft.id ? "editNote" : "addNote");
  return html`<${Dialog} key=${title} title=${title} close=${close} isNarrow=${true}>
    ${draft
      ? html`<${NoteForm} draft=${draft} save=${save} cancel=${close} />`
      : html`<${NoteList} notes=${notes} edit=${setDraft} remove=${remove} add=${() => setDraft({ day, text: "" })} />`}
    ${error && html`<div class="card alert" role="alert"><div>${error}</div></div>`}
  <//>`;
}

/** @param {Draft} note */
const nameDay = ({ day }) => days(day, day);

/** @param {Draft} draft */
function store({ id, day, text }) {
  return id ? send("PATCH", `notes/${id}`, { day, text }) : send("POST", "notes", { site: SITE, day, text });
}

/** @param {{ notes: DayNote[], edit: (note: DayNote) => void, remove: (note: DayNote) => void, add: () => void }} props */
function NoteList({ notes, edit, remove, add }) {
  const button = (/** @type {DayNote} */ one, /** @type {string} */ icon, /** @type {Word} */ word, /** @type {any} */ act) => html`<button
    class="iconbtn" aria-label=${t(word, { text: one.text })} onClick=${() => act(one)}><${Icon} name=${icon} /></button>`;
  return html`<ul class="notes">${notes.map((one) => html`<li key=${one.id}>
      <p><time datetime=${one.day}>${nameDay(one)}</time>${one.text}</p>
      ${may("write") && html`${button(one, "note", "edit", edit)}${button(one, "trash", "deleteNote", remove)}`}</li>`)}
    </ul>
    ${may("write") && html`<div class="dlg-foot"><button class="btn" onClick=${add}><${Icon} name="plus" />${t("addNote")}
      </button></div>`}`;
}

/** @param {{ draft: Draft, save: (draft: Draft) => Promise<void>, cancel: () => void }} props */
function NoteForm({ draft, save, cancel }) {
  const [isBusy, setBusy] = useState(false);
  /** @param {any} event */
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    setBusy(true);
    await save({ id: draft.id, day: String(form.get("day")), text: String(form.get("text")).trim() });
    setBusy(false);
  };
  return html`<form onSubmit=${submit}>
    <label class="field">${t("date")}<input type="date" name="day" required defaultValue=${draft.day} /></label>
    <label class="field">${t("noteText")}<input name="text" required pattern=".*\\S.*" maxlength=${MAX_CHARS} autocomplete="off"
      data-focus defaultValue=${draft.text} /></label>
    <div class="dlg-foot"><button type="button" class="btn" onClick=${cancel}>${t("cancel")}</button>
      <button class="btn primary" disabled=${isBusy}>${t("save")}</button></div>
  </form>`;
}
