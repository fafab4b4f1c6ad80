/** What the pages of one origin tell each other. Without BroadcastChannel each page finds out by itself, later. */
import type { ConsentState } from "./types.js";
export interface Message {
    /** These events are done with. */
    delivered?: string[];
    token?: string;
    consent?: ConsentState;
    optOut?: boolean;
    /** A page went away, and may have left events. */
    left?: boolean;
}
export interface Channel {
    post(message: Message): void;
    close(): void;
}
export declare function openChannel(name: string, receive: (message: Message) => void): Channel;
