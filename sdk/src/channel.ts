/**
 * What the pages of one origin tell each other; an empty message when one goes away. Where a channel is absent or refused
 * each page finds out by itself, later.
 */
import { attempt } from "./local.js";
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

export function openChannel(name: string, receive: (message: Message) => void): Announce {
  // Not the one of Node, which would keep a server running.
  const channel = globalThis.window && attempt(() => new BroadcastChannel(name));
  if (channel) channel.onmessage = (event) => receive(event.data as Message);
  return (message) => channel?.postMessage(message);
}
