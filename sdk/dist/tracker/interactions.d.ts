/** Links that lead away or download a file, elements with `data-analytics-event`, forms, and errors of scripts. */
import type { Payload } from "../types.js";
import type { Tag } from "./tag.js";
type Report = (type: string, payload: Payload) => void;
export declare function watchInteractions(tag: Tag, report: Report): void;
export {};
