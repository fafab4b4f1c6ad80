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
export declare function createPrivacy(name: string, respectSignal: boolean, consent: ConsentState): Privacy;
