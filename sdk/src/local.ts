/**
 * localStorage that may be absent, blocked or full: nothing here throws.
 * In those cases reads find nothing and writes return false; the callers then keep their state in memory.
 */

/** What `work` returns; null where the browser refuses it. */
export function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

export function readItem(key: string): string | null {
  return attempt(() => localStorage.getItem(key));
}

/** Whether the item is stored now. */
export function writeItem(key: string, value: string | number): boolean {
  // Storage makes a text of a number.
  return attempt(() => localStorage.setItem(key, value as string)) !== null;
}

export function removeItem(key: string): void {
  attempt(() => localStorage.removeItem(key));
}

/** The items whose keys begin with `prefix`, without it. */
export function readItems(prefix: string): [string, string][] {
  const keys = attempt(() => Object.keys(localStorage)) ?? [];
  return (
    keys
      .filter((key) => key.startsWith(prefix))
      .map((key): [string, string] => [key.slice(prefix.length), readItem(key) as string])
      // Another page may have removed it a moment ago.
      .filter(([, value]) => value)
  );
}
