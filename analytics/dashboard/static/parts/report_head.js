// The head of a report's page beside the overview: who is online, the filter with its chips and dialogs, the period, and
// their keys.
import { html, useState } from "../vendor/preact.js";
import { useModule } from "../app/api.js";
import { PRESETS } from "../app/state.js";
import { addWords, language, t } from "../app/words.js";
import { PeriodMenu } from "./dates.js";
import { Chips, FilterMenu } from "./filters.js";

addWords(await (language === "de" ? import("../app/words_insights_de.js").then((words) => words.de)
  : import("../app/words_insights.js").then((words) => words.en)));

/** What Frame takes, and the dialogs of the filter; `hasFilter`: of a report that has one.
 * @param {State} state @param {Go} go @param {boolean} isReady @param {boolean} [hasFilter] */
export function useReportHead(state, go, isReady, hasFilter = true) {
  const [opened, setOpened] = useState(/** @type {"segment" | number | null | undefined} */ (undefined));
  const live = useModule(isReady, () => import("./live.js"));
  const add = () => setOpened(null);
  const lead = live ? html`<${live.LiveCount} />`
    : html`<span class="live"><span class="pulse off"></span>${t("live")}</span>`;
  const tools = html`<div class="head-tools">${hasFilter && html`<${FilterMenu} state=${state} go=${go} add=${add}
    save=${() => setOpened("segment")} />`}<${PeriodMenu} state=${state} go=${go} /></div>`;
  /** @param {string} key @returns {(() => void) | undefined} */
  const shortcut = (key) => {
    const preset = PRESETS.find((one) => one.key.toLowerCase() === key);
    if (preset) return () => go({ period: preset.name, unit: "" });
    if (!hasFilter) return undefined;
    return key === "/" ? add : key === "escape" && state.filter ? () => go({ filter: "" }) : undefined;
  };
  const chips = hasFilter && html`<${Chips} state=${state} go=${go} edit=${setOpened} />`;
  const dialogs = html`<${FilterDialogs} opened=${opened} state=${state} go=${go} close=${() => setOpened(undefined)} />`;
  return { frame: { lead, tools, shortcut }, chips, dialogs };
}

/** `opened`: the index of a condition, null for a new one. The dialogs are loaded when the first is opened.
 * @param {{ opened: "segment" | number | null | undefined, state: State, go: Go, close: () => void }} props */
function FilterDialogs({ opened, state, go, close }) {
  const filter = useModule(opened !== undefined, () => import("./filter_dialog.js"));
  if (opened === undefined || !filter) return null;
  if (opened === "segment") return html`<${filter.SegmentDialog} state=${state} go=${go} close=${close} />`;
  return html`<${filter.default} state=${state} go=${go} index=${opened} close=${close} />`;
}
