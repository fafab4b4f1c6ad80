/**
 * localStorage that may be absent, blocked or full: nothing here throws.
 * In those cases reads find nothing and writes return false; the callers then keep their state in memory.
 */
export declare function readItem(key: string): string | null;
/** Whether the item is stored now. */
export declare function writeItem(key: string, value: string | number): boolean;
export declare function removeItem(key: string): void;
/** The items whose keys begin with `prefix`, without it. */
export declare function readItems(prefix: string): [string, string][];
