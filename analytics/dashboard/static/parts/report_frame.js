// The frame of a page with a report: live counter, filter, comparison and period in its head, the chips of the filter
// and the dialogs that change it, and what the page says when something was done.
import { html, useState } from "../vendor/preact.js";
import { useModule } from "../app/api.js";
import { at, duration, range } from "../app/format.js";
import { shift, today } from "../app/state.js";
import { t } from "../app/words.js";
import { CompareMenu, PeriodMenu } from "./dates.js";
import { Chips, FilterMenu } from "./filters.js";
import { Frame } from "./frame.js";

/** `tools`: which menus the head has, `back`: the way back, above the title.
 * @param {{ pages: PageEntry[], name: string, title: string, intro?: string, back?: unknown, state: State, go: Go, isReady: boolean,
 *   tools: ("filter" | "compare" | "period")[], said: Said | null, silence: () => void, children: unknown }} props */
export function ReportFrame({ pages, name, title, intro, back, state, go, isReady, tools, said, silence, children }) {
  const [opened, setOpened] = useState(/** @type {{ index: number | null } | "segment" | null} */ (null));
  const live = useModule(isReady, () => import("./live.js"));
  const dialogs = useModule(opened !== null, () => import("./filter_dialog.js"));
  const toast = useModule(said !== null, () => import("./toast.js"));
  const close = () => setOpened(null);
  const counter = live ? html`<${live.LiveCount} />` : html`<span class="live"><span class="pulse off"></span>${t("live")}</span>`;
  const menus = html`<div class="head-tools">
    ${tools.includes("filter") && html`<${FilterMenu} state=${state} go=${go} add=${() => setOpened({ index: null })}
      save=${() => setOpened("segment")} />`}
    ${tools.includes("compare") && html`<${CompareMenu} state=${state} go=${go} />`}
    ${tools.includes("period") && html`<${PeriodMenu} state=${state} go=${go} />`}
  </div>`;
  /** @param {string} key */
  const find = (key) => {
    if (key === "c" && tools.includes("compare")) return () => go({ compare: state.compare === "none" ? "previous" : "none" });
    if (!tools.includes("filter")) return undefined;
    if (key === "/") return () => setOpened({ index: null });
    return key === "escape" && state.filter ? () => go({ filter: "" }) : undefined;
  };
  return html`<${Frame} pages=${pages} name=${name} title=${title} intro=${intro} back=${back} live=${counter} tools=${menus} isReady=${isReady}
      setPeriod=${tools.includes("period") ? (/** @type {string} */ period) => go({ period, unit: "" }) : undefined} find=${find}>
      ${tools.includes("filter") && html`<${Chips} state=${state} go=${go} edit=${(/** @type {number} */ index) => setOpened({ index })} />`}
      ${children}
    <//>
    ${dialogs && opened === "segment" && html`<${dialogs.SegmentDialog} state=${state} go=${go} close=${close} />`}
    ${dialogs && opened && opened !== "segment" && html`<${dialogs.default} state=${state} go=${go} index=${opened.index} close=${close} />`}
    <div class="toasts" role="status">${said && toast && html`<${toast.Toast} said=${said} close=${silence} />`}</div>`;
}

/** What went wrong with a report, the period that the API proposes in place of one that took too long, and another try.
 * `meta`: of the figures that are still shown.
 * @param {{ error: Failure | null, meta?: Meta | null, retry: () => void, go: Go }} props */
export function ReportProblem({ error, meta, retry, go }) {
  if (!error) return null;
  const { days } = error;
  const shorten = () => go({ period: "custom", from: shift(today(), 1 - Number(days)), to: today(), unit: "" });
  return html`<div class="card alert" role="alert">
    <div><b>${t(error.status ? "problem" : "offline")}</b><div>${error.message}</div>
      ${meta && html`<div class="num">${t("shownAsOf", { period: range(meta.from, meta.to), time: at(meta.computed_at) })}</div>`}</div>
    ${days && html`<button class="btn" onClick=${shorten}>${t("lastDays", { n: days }, days)}</button>`}
    <button class="btn" onClick=${retry}>${t("tryAgain")}</button>
  </div>`;
}

/** How fresh the figures are. @param {{ meta: Meta, took: number }} props */
export const ReportFoot = ({ meta, took }) => html`<footer class="fresh">
  ${meta.complete_through && html`<span class="num">${t("completeThrough", { time: at(meta.complete_through) })}</span>`}
  <span>${t("zone", { zone: meta.zone })}</span>
  <span class="num">${t("took", { time: took < 1000 ? `${Math.round(took)} ms` : duration(took / 1000) })}</span>
</footer>`;
