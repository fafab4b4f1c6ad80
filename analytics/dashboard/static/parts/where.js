// A filter as a part of a form, with the menu, chips and dialogs of the page's own filter.
import { html, useState } from "../vendor/preact.js";
import { useModule } from "../app/api.js";
import { Chips, FilterMenu } from "./filters.js";

/** `state`: its filter is the form's, its period that of suggestions. `isOfEvents`: each event is judged by its own fields.
 * @param {{ state: State, change: (filter: string) => void, isOfEvents?: boolean }} props */
export function Where({ state, change, isOfEvents }) {
  const [opened, setOpened] = useState(/** @type {{ kind: "filter",
    index: number | null } | { kind: "segment" } | null} */ (null));
  const dialogs = useModule(opened !== null, () => import("./filter_dialog.js"));
  /** @type {Go} */
  const go = ({ filter }) => filter !== undefined && change(filter);
  return html`<div class="where"><${FilterMenu} state=${state} go=${go}
    add=${() => setOpened({ kind: "filter", index: null })} save=${() => setOpened({ kind: "segment" })} />
    <${Chips} state=${state} go=${go} edit=${(/** @type {number} */ index) => setOpened({ kind: "filter", index })} />
      </div>
    ${dialogs && opened?.kind === "filter" && html`<${dialogs.default} state=${state} go=${go} index=${opened.index}
      isOfEvents=${isOfEvents} close=${() => setOpened(null)} />`}
    ${dialogs && opened?.kind === "segment" && html`<${dialogs.SegmentDialog} state=${state} go=${go}
      close=${() => setOpened(null)} />`}`;
}
