/** Links that lead away or download a file, elements with `data-analytics-event`, forms, and errors of scripts. */
import type { Payload } from "../types.js";
import type { Tag } from "./tag.js";

/** A page that fails in a loop says so a few times. */
const MAX_ERRORS = 10;
const MAX_MESSAGE_CHARS = 200;

type Report = (type: string, payload: Payload) => void;

export function watchInteractions(tag: Tag, report: Report): void {
  const click = (event: MouseEvent) => {
    // Of the other buttons only the middle one opens a link.
    if (event.type === "click" || event.button === 1) readClick(event, tag.files, report);
  };
  addEventListener("click", click, true);
  addEventListener("auxclick", click, true);
  addEventListener("submit", (event) => readSubmit(event.target as HTMLFormElement, tag.forms, report), true);
  if (tag.errors) watchErrors(report);
}

function readClick(event: MouseEvent, files: RegExp, report: Report): void {
  // Not closest(): a link may stand around a component, whose shadow root ends the search.
  const find = <E extends Element>(selector: string) =>
    event.composedPath().find((node): node is E => (node as E).matches?.(selector));
  const named = find<HTMLElement>("[data-analytics-event]:not(form)");
  if (named && event.type === "click") reportNamed(named, report);
  const link = find<HTMLAnchorElement>("a[href]");
  if (!link || !/^http/.test(link.protocol)) return;
  // The query may be private, and so may the fragment.
  const url = link.origin + link.pathname;
  if (link.hasAttribute("download") || files.test(link.pathname)) report("file_download", { url });
  else if (link.host !== location.host) report("outbound_click", { url });
}

/** Of a form, which one it is; never what was entered. */
function readSubmit(form: HTMLFormElement, forms: boolean, report: Report): void {
  if (form.dataset.analyticsEvent) reportNamed(form, report);
  else if (forms) {
    // Attributes, as inputs named `id` or `action` hide the properties.
    const [id, name, action] = ["id", "name", "action"].map((attribute) => form.getAttribute(attribute));
    report("form_submit", { form: id || name || action?.split("?")[0] || "" });
  }
}

/** `data-analytics-plan-name="Pro"` is the property `plan_name`. */
function reportNamed(element: HTMLElement, report: Report): void {
  const payload: Payload = {};
  for (const { name, value } of element.attributes) {
    const property = /^data-analytics-(?!event$)(.+)/.exec(name)?.[1];
    if (property) payload[property.replaceAll("-", "_")] = value;
  }
  report(element.dataset.analyticsEvent as string, payload);
}

function watchErrors(report: Report): void {
  let left = MAX_ERRORS;
  const tell = (message: unknown, more: Payload) => {
    if (left-- > 0) report("error_occurred", { message: String(message).slice(0, MAX_MESSAGE_CHARS), ...more });
  };
  addEventListener("error", ({ message, filename, lineno }) => {
    // Of a script of another origin nothing is told, and of an image that did not load.
    if (filename) tell(message, { source: filename.split(/[?#]/)[0], line: lineno });
  });
  addEventListener("unhandledrejection", ({ reason }) => tell(reason?.message ?? reason, { source: "promise" }));
}
