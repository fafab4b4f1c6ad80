// The list of keyboard shortcuts.
import { html } from "../vendor/preact.js";
import { PRESETS, SHARED, may } from "../app/state.js";
import { addWords, t } from "../app/words.js";
import { Dialog } from "./dialog.js";

await addWords(() => import("../app/words_dialogs.js"), () => import("../app/words_dialogs_de.js"));

/** The keys of a page: `hasPeriods`, and those of the overview, `hasFilters`.
 * @param {{ pages: PageEntry[], hasPeriods: boolean, hasFilters?: boolean, close: () => void }} props */
export default function Help({ pages, hasPeriods, hasFilters, close }) {
  const rows = [
    ...(hasPeriods ? PRESETS.map((one) => [one.key, t(one.name)]) : []),
    ...(hasFilters ? [["C", t("compare")], ["/", t("addFilter")]] : []),
    ...(hasFilters && may("write") ? [["N", t("addNote")]] : []),
    ...(hasFilters ? [["Esc", t("clearFilters")]] : []),
    ["?", t("help")],
    ...(SHARED ? [] : [["G S", t("goTo", { name: t("allSites") })]]),
    ...pages.map((one) => ["G " + one.key, t("goTo", { name: t(/** @type {any} */ (one.word ?? one.name)) })]),
  ];
  return html`<${Dialog} title=${t("helpTitle")} close=${close}>
    <div class="keys">${rows.map(([key, text]) => html`<div key=${key}><span>${text}</span><kbd class="kbd">${key}</kbd>
      </div>`)}</div>
  <//>`;
}
