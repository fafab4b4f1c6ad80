// Whether the page is being printed, for what style alone cannot change.
import { useEffect, useState } from "../vendor/preact.js";

/** The width that the chart is drawn for; print.css makes it as wide as the sheet. */
export const PAPER_WIDTH = 1040;
const paper = globalThis.matchMedia?.("print");

export function useIsPaper() {
  const [isPaper, setPaper] = useState(() => paper?.matches ?? false);
  useEffect(() => {
    const begin = () => setPaper(true);
    const end = () => setPaper(false);
    const change = () => setPaper(paper?.matches ?? false);
    addEventListener("beforeprint", begin);
    addEventListener("afterprint", end);
    paper?.addEventListener("change", change);
    return () => {
      removeEventListener("beforeprint", begin);
      removeEventListener("afterprint", end);
      paper?.removeEventListener("change", change);
    };
  }, []);
  return isPaper;
}
