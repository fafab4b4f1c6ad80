/** Runs `work`, which does not throw, while this page is the sender. Returns false without running it when another page is. */
export declare function runExclusively(name: string, work: () => Promise<void>): Promise<boolean>;
