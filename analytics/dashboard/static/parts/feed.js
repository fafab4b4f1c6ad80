// The live stream of a site's events: connects, reconnects, pauses while the page is hidden, and says what is missing.
import { useEffect, useRef, useState } from "../vendor/preact.js";
import { address } from "../app/api.js";
import { SITE } from "../app/state.js";

/** @typedef {{ event_id: string, ts: string, received_at: string, type: string, path?: string, subject?: string,
 *   user_id?: string,
 *   session_id?: string, referrer?: string, source?: string, country?: string, browser?: string, os?: string,
 *   device?: string,
 *   is_bot: boolean, properties: Record<string, unknown> }} LiveEvent */
/** A stretch of time whose events are not in the feed. @typedef {{ id: string, from: number, to: number }} Gap */
/** @typedef {{ kind: "event", id: string, event: LiveEvent } | { kind: "gap", id: string, gap: Gap }} Line */
/** @typedef {"connecting" | "live" | "reconnecting" | "paused"} FeedState */

const KEPT = 100;
/** Events are shown so often at most. */
const SHOWN_EVERY_MS = 400;
/** A stream that the server refused is opened again. A lost one the browser resumes itself, with what it missed. */
const RETRY_MS = 5000;

/** `isPaused`: the reader stopped it. @param {boolean} isPaused
 * @returns {{ lines: Line[], state: FeedState, last: LiveEvent | null, count: number }} */
export function useFeed(isPaused) {
  const [feed, setFeed] = useState(/** @type {{ lines: Line[], last: LiveEvent | null,
    count: number }} */ ({ lines: [], last: null, count: 0 }));
  const [state, setState] = useState(/** @type {FeedState} */ ("connecting"));
  const stoppedAt = useRef(0);
  useEffect(() => {
    let retry = 0;
    let flush = 0;
    /** @type {Line[]} */
    let waiting = [];
    /** @type {EventSource | undefined} */
    let stream;
    const show = () => {
      flush = 0;
      const fresh = waiting.reverse();
      waiting = [];
      const events = fresh.filter((one) => one.kind === "event");
      setFeed((old) => ({ lines: [...fresh, ...old.lines].slice(0, KEPT), last: events[0]?.event ?? old.last,
        count: old.count + events.length }));
    };
    /** @param {Line} line */
    const add = (line) => {
      waiting.push(line);
      if (waiting.length > KEPT) waiting.shift();
      flush ||= setTimeout(show, SHOWN_EVERY_MS);
    };
    /** @param {number} from @param {number} to */
    const miss = (from, to) => add({ kind: "gap", id: `gap ${from} ${to}`, gap: { id: `gap ${from}`, from, to } });
    const open = () => {
      clearTimeout(retry);
      stream = new EventSource(address(`reports/live?site=${encodeURIComponent(SITE)}`));
      stream.onopen = () => {
        setState("live");
        if (stoppedAt.current) miss(stoppedAt.current, Date.now());
        stoppedAt.current = 0;
      };
      stream.onerror = () => {
        setState("reconnecting");
        if (stream?.readyState !== EventSource.CLOSED) return;
        stoppedAt.current ||= Date.now();
        retry = setTimeout(open, RETRY_MS);
      };
      stream.addEventListener("event", (message) => {
        const event = JSON.parse(message.data);
        add({ kind: "event", id: event.event_id, event });
      });
      stream.addEventListener("gap", (message) => {
        const { from, to } = JSON.parse(message.data);
        miss(Date.parse(from), Date.parse(to));
      });
    };
    const close = () => {
      clearTimeout(retry);
      if (stream) stoppedAt.current ||= Date.now();
      stream?.close();
      stream = undefined;
    };
    const turn = () => {
      if (document.hidden || isPaused) {
        close();
        setState("paused");
      } else if (!stream) {
        setState("connecting");
        open();
      }
    };
    turn();
    document.addEventListener("visibilitychange", turn);
    return () => {
      clearTimeout(flush);
      close();
      document.removeEventListener("visibilitychange", turn);
    };
  }, [isPaused]);
  return { ...feed, state };
}
