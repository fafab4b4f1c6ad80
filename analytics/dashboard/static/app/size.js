// Sizes of files as people read them.
import { locale } from "./words.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];
/** @param {number | null} bytes */
export function size(bytes) {
  if (bytes == null) return "";
  const step = Math.min(UNITS.length - 1, bytes ? Math.floor(Math.log(bytes) / Math.log(1000)) : 0);
  return new Intl.NumberFormat(locale, { style: "unit", unit: UNITS[step], unitDisplay: step ? "short" : "long",
    maximumFractionDigits: step ? 1 : 0 }).format(bytes / 1000 ** step);
}
