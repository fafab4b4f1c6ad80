/** Whether anything may be recorded: the browser's signal, the visitor's opt-out, and the consent that the page passes on. */
import { readItem, removeItem, writeItem } from "./local.js";
import type { ConsentState } from "./types.js";

export interface Privacy {
  /** Whether events are taken: to be sent, or to be held while consent is pending. */
  records(): boolean;
  /** Whether there is consent, without which events are only held. */
  isGranted(): boolean;
  /** What the visitor decided, here or in another tab. */
  update(consent: ConsentState | undefined, optOut: boolean | undefined): void;
  storeOptOut(optOut: boolean): void;
}

export function createPrivacy(name: string, respectSignal: boolean, consent: ConsentState): Privacy {
  const key = name + ":out";
  /** As other pages told, or as it could not be stored. */
  let optedOut = false;

  function records(): boolean {
    // Read each time: a page in the back/forward cache is told nothing.
    return !optedOut && !readItem(key) && consent !== "denied" && !(respectSignal && browserObjects());
  }

  return {
    records,
    isGranted: () => consent === "granted",
    update(newConsent = consent, optOut = optedOut) {
      consent = newConsent;
      optedOut = optOut;
    },
    storeOptOut: (optOut) => void (optOut ? writeItem(key, "1") : removeItem(key)),
  };
}

/** Global Privacy Control, or Do Not Track. */
function browserObjects(): boolean | undefined {
  const { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean };
  return globalPrivacyControl || doNotTrack === "1";
}
