/**
 * What the pages of one origin tell each other; an empty message when one goes away. Without BroadcastChannel each page
 * finds out by itself, later.
 */
import type { ConsentState } from "./types.js";
export interface Message {
    /** These events are done with. */
    delivered?: string[];
    token?: string;
    consent?: ConsentState;
    optOut?: boolean;
}
/** Tells the other pages. For the life of the page: what is in flight when a client is closed is still announced. */
export type Announce = (message: Message) => void;
export declare function openChannel(name: string, receive: (message: Message) => void): Announce;
