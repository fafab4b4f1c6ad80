/** The package's entry: everything that an application imports. It does nothing when it is loaded. */
export { uuid7 } from "./ids.js";
