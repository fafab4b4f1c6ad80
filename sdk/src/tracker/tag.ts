/** The attributes of the tracker's script element. `data-x` is on, and so is `data-x="true"`; `data-x="false"` is off. */

/** Files that links download, unless `data-files` names others. */
const FILES = "pdf|zip|t?gz|7z|rar|dmg|exe|msi|pkg|deb|rpm|apk|iso|csv|(xls|doc|ppt)x?|od[tsp]|epub|mp[34]|mov|avi";

export interface Tag {
  /** Address of the server. */
  base: string;
  site: string | undefined;
  key: string | undefined;
  path: string | undefined;
  samplesPath: string;
  hash: boolean;
  /** Paths of pages that are not recorded. */
  exclude: RegExp;
  files: RegExp;
  forms: boolean;
  missing: boolean;
  errors: boolean;
  /** Address of vitals.js; undefined: they are not measured. */
  vitals: string | undefined;
  session: boolean;
  persist: boolean;
  /** Address of the SDK's module that keeps things in the browser; undefined: nothing is to be kept. */
  sdk: string | undefined;
}

export function readTag(script: HTMLScriptElement): Tag {
  const { site, key, api, path, exclude, files, vitals, persist, ...data } = script.dataset;
  const isOn = (value: string | undefined) => value !== undefined && value !== "false";
  /** Of a module beside the script, unless the attribute holds its address. */
  const find = (value: string | undefined, name: string) => new URL(value && value !== "true" ? value : name, script.src).href;
  const [keepsEvents, keepsSession] = [isOn(persist), isOn(data["session"])];
  const { origin } = new URL(script.src);
  return {
    base: (api ?? origin).replace(/\/$/, ""),
    site,
    key,
    path,
    // Beside the path of events, so that a proxy needs one rule for both.
    samplesPath: (path ?? "/api/analytics/ingest").replace(/[^/]*$/, "samples"),
    hash: isOn(data["hash"]),
    exclude: readList(exclude, "(?!)", "^"),
    files: readList(files, FILES, "\\."),
    forms: isOn(data["forms"]),
    missing: isOn(data["missing"]),
    errors: isOn(data["errors"]),
    vitals: isOn(vitals) ? find(vitals, "vitals.js") : undefined,
    session: keepsSession,
    persist: keepsEvents,
    sdk: keepsEvents || keepsSession ? find(persist === "false" ? "" : persist, "analytics.js") : undefined,
  };
}

/** What ends with one of the entries after `start`. Entries are separated by commas; `*` is any text. */
function readList(text: string | undefined, usual: string, start: string): RegExp {
  const entries = text?.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").split(/[\s,]+/).filter(Boolean);
  return new RegExp(`${start}(${entries?.join("|") || usual})$`, "i");
}
