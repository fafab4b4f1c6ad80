/** Sends to `url`, a path of samples; `envelope` names site and key. */
export declare function watchVitals(url: string, envelope: object, path: string): void;
