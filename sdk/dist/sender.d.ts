import type { Announce } from "./channel.js";
import { type Settings } from "./options.js";
import { type Report } from "./report.js";
import type { EventStore } from "./store.js";
export interface Sender {
    /** Sends in `ms`, or earlier if that was arranged, but not before a wait that the server or a failure imposed. */
    arm(ms: number): void;
    /** An event was added. */
    added(): void;
    /** Resolves when everything that waits has been answered, or cannot be sent now. */
    flush(): Promise<void>;
    /** The page may go away: makes a request that outlives it. What is stored stays stored until an answer is seen. */
    leave(): void;
    /** Ends a wait: the network is back. */
    resume(): void;
    setToken(token: string | null | undefined): void;
    /** Delivers what earlier pages left, if there is any. */
    start(): Promise<void>;
}
export declare function createSender(url: string, lockName: string, settings: Settings, store: EventStore, report: Report, announce: Announce, 
/** False on a server, after close(), and where the visitor objects: also between two requests. */
sends: () => boolean, token: string | null | undefined): Sender;
