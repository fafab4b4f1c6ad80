/** Whether anything may be recorded: the browser's signal, the visitor's opt-out, and the consent that the page passes on. */
import { readItem, removeItem, writeItem } from "./local.js";
import type { ConsentState } from "./types.js";

export interface Privacy {
  /** Whether events are taken: to be sent, or to be held while consent is pending. */
  records(): boolean;
  /** Whether events are stored and sent. */
  sends(): boolean;
  /** What the visitor decided, here or in another tab. */
  update(consent: ConsentState | undefined, optOut: boolean | undefined): void;
  storeOptOut(optOut: boolean): void;
}

export function createPrivacy(name: string, respectSignal: boolean, consent: ConsentState): Privacy {
  const key = name + ":out";
  /** Unknown until it is needed: on a server there is no storage to read. */
  let optedOut: boolean | undefined;

  function records(): boolean {
    optedOut ??= !!readItem(key);
    return !optedOut && consent !== "denied" && !(respectSignal && browserObjects());
  }

  return {
    records,
    sends: () => consent === "granted" && records(),
    update(newConsent = consent, optOut = optedOut) {
      consent = newConsent;
      optedOut = optOut;
    },
    storeOptOut: (optOut) => void (optOut ? writeItem(key, "1") : removeItem(key)),
  };
}

/** Global Privacy Control, or Do Not Track. */
function browserObjects(): boolean {
  const { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean };
  return !!globalPrivacyControl || doNotTrack === "1";
}
