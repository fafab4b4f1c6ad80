/**
 * One sender over all tabs of an origin. A Web Lock where there is one (secure contexts), else a lease in localStorage.
 * Two senders at once, which a lease does not rule out, only cost requests: the server recognises repeated ids.
 */
import { readItem, removeItem, writeItem } from "./local.js";

/** More than one request may take. A page that ended during a request leaves its lease behind for so long. */
const LEASE_MS = 40_000;

/** Runs `work`, which does not throw, while this page is the sender. Returns false without running it when another page is. */
export async function runExclusively(name: string, work: () => Promise<void>): Promise<boolean> {
  const run = async () => {
    await work();
    return true;
  };
  // The request fails where there are locks, but not for this page, for example in a sandboxed frame.
  if (navigator.locks) return navigator.locks.request(name, { ifAvailable: true }, (lock) => !!lock && run()).catch(run);
  if (Math.abs(Number(readItem(name)) - Date.now()) < LEASE_MS) return false;
  writeItem(name, Date.now());
  return run().finally(() => removeItem(name));
}
