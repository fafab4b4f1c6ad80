/** The attributes of the tracker's script element. `data-x` is on, and so is `data-x="true"`; `data-x="false"` is off. */
export interface Tag {
    /** Address of the server. */
    base: string;
    site: string | undefined;
    key: string | undefined;
    path: string | undefined;
    samplesPath: string;
    hash: boolean;
    exclude: RegExp[];
    files: RegExp;
    forms: boolean;
    missing: boolean;
    errors: boolean;
    /** Address of vitals.js; undefined: they are not measured. */
    vitals: string | undefined;
    session: boolean;
    persist: boolean;
}
export declare function readTag(script: HTMLScriptElement): Tag;
