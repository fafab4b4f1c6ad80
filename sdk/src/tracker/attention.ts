/** How long the page is visible, and how far down it was seen. */

/** A page grows while its images load, and a new view is drawn after the address has changed. */
const SETTLED_MS = 500;

export interface Attention {
  /** What was seen since the last call, if that is at least `seconds` of time. The depth is that of the whole view. */
  take(seconds: number): { engaged_s: number; scroll_depth: number } | null;
  /** Another view begins. */
  restart(): void;
}

export function watchAttention(): Attention {
  let visibleMs = 0;
  let visibleSince: number | undefined;
  let deepest = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function look(): void {
    const now = performance.now();
    if (visibleSince !== undefined) visibleMs += now - visibleSince;
    visibleSince = document.hidden ? undefined : now;
  }

  function measure(): void {
    const { scrollHeight } = document.documentElement;
    deepest = Math.max(deepest, Math.min(100, Math.round(((scrollY + innerHeight) / (scrollHeight || 1)) * 100)));
  }

  look();
  document.addEventListener("visibilitychange", look, true);
  addEventListener("scroll", measure, { passive: true, capture: true });
  addEventListener("load", measure);
  return {
    take(seconds) {
      look();
      const engaged_s = Math.round(visibleMs / 100) / 10;
      if (engaged_s < seconds) return null;
      visibleMs = 0;
      if (!deepest || document.hidden) measure();
      return { engaged_s, scroll_depth: deepest };
    },
    restart() {
      look();
      visibleMs = deepest = 0;
      clearTimeout(timer);
      timer = setTimeout(measure, SETTLED_MS);
    },
  };
}
