/**
 * One sender over all tabs of an origin, by a Web Lock. Where there are none, as on pages without HTTPS, each tab sends what
 * it finds: that only costs requests, since the server recognises repeated ids.
 */

/** Runs `work`, which does not throw, while this page is the sender. Returns false without running it when another page is. */
export async function runExclusively(name: string, work: () => Promise<void>): Promise<boolean> {
  const run = async () => {
    await work();
    return true;
  };
  // The request fails where there are locks, but not for this page, for example in a sandboxed frame.
  return navigator.locks?.request(name, { ifAvailable: true }, (lock) => !!lock && run()).catch(run) ?? run();
}
