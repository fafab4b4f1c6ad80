// The fields of an order that say which users a list has: those behind a number of a report.
import { html, useEffect, useState } from "../vendor/preact.js";
import { get } from "../app/api.js";
import { SITE, shift, today } from "../app/state.js";
import { addWords, t } from "../app/words.js";

await addWords(() => import("../app/words_export_people.js"), () => import("../app/words_export_people_de.js"));

/** @typedef {import("./order.js").Order} Order */
/** @typedef {{ id: string, name: string, steps: { name: string, condition: Record<string, string> }[] }} Funnel */
/** @typedef {{ order: Order, set: (change: Partial<Order>) => void, Choice: any }} Props */

const GROUPS = /** @type {const} */ (["all", "funnel", "cohort", "goal"]);

/** `Choice`: a named select of the form. @param {Props} props */
export function GroupFields({ order, set, Choice }) {
  const { group } = order;
  // Each file of a schedule has a period of its own, and a cohort is of one.
  const groups = GROUPS.filter((one) => one !== "cohort" || !order.every);
  const choose = (/** @type {Order["group"]} */ chosen) => set({ group: chosen, users: FIRST[chosen] });
  const change = (/** @type {Record<string, string>} */ some) => set({ users: { ...order.users, ...some } });
  const part = { users: order.users, change, Choice };
  return html`<div class="fields">
    <${Choice} label=${t("groupField")} value=${group} options=${groups.map((one) => [one, t(`group_${one}`)])} choose=${choose} />
    ${group === "funnel" && html`<${FunnelFields} ...${part} />`}
    ${group === "cohort" && html`<${CohortFields} ...${part} />`}
    ${group === "goal" && html`<${VariantFields} ...${part} />`}
  </div>`;
}

/** The Monday of last week. */
function lastMonday() {
  const weekday = (new Date(today()).getUTCDay() + 6) % 7;
  return shift(today(), -weekday - 7);
}

/** What each group begins with. @type {Record<Order["group"], Record<string, string>>} */
const FIRST = {
  all: {},
  funnel: { funnel: "", step: "1", reached: "true" },
  cohort: { cohort: lastMonday(), unit: "week", offset: "0" },
  goal: { goal: "", exposure_type: "", variant_property: "payload.variant", variant: "", converted: "" },
};

/** @typedef {{ users: Record<string, string>, change: (some: Record<string, string>) => void, Choice: any }} Part */

/** @param {{ label: string, name: string, type?: string, placeholder?: string } & Part} props */
const Field = ({ label, name, type = "text", placeholder, users, change }) => html`<label class="field">${label}<input
  type=${type} required min=${type === "number" ? 0 : undefined} value=${users[name]} placeholder=${placeholder}
  onInput=${(/** @type {any} */ event) => change({ [name]: event.target.value.trim() })} /></label>`;

/** What the API lists; null: it is not known yet. @template T @param {string} path @param {(body: any) => T[]} read
 * @returns {T[] | null} */
function useList(path, read) {
  const [found, setFound] = useState(/** @type {T[] | null} */ (null));
  useEffect(() => {
    const abort = new AbortController();
    get(`${path}?site=${encodeURIComponent(SITE)}`, abort.signal).then((body) => setFound(read(body)), () => {});
    return () => abort.abort();
  }, []);
  return found;
}

/** @param {Part} props */
function FunnelFields({ users, change, Choice }) {
  // Funnels are those of an API beside the others.
  const funnels = useList("../v1/funnels/", (body) => /** @type {Funnel[]} */ (body.data));
  const steps = funnels?.find((one) => one.id === users.funnel)?.steps ?? [];
  const isLast = Number(users.step) >= steps.length;
  const first = funnels?.[0]?.id;
  useEffect(() => {
    if (first && !users.funnel) change({ funnel: first });
  }, [first]);
  const chooseStep = (/** @type {string} */ step) => change({ step, reached: "true" });
  if (funnels?.length === 0) return html`<p class="muted wide">${t("groupNoFunnel")}</p>`;
  return html`
    <${Choice} label=${t("groupFunnel")} value=${users.funnel} options=${(funnels ?? []).map((one) => [one.id, one.name])}
      choose=${(/** @type {string} */ funnel) => change({ funnel, step: "1", reached: "true" })} />
    <${Choice} label=${t("groupStep")} value=${users.step} choose=${chooseStep}
      options=${steps.map((one, index) => [String(index + 1), `${index + 1}. ${one.name || Object.values(one.condition)[0] || ""}`])} />
    <${Choice} label=${t("groupReached")} value=${users.reached} isOff=${isLast}
      options=${[["true", t("reached_true")], ["dropped", t("reached_dropped")]]}
      choose=${(/** @type {string} */ reached) => change({ reached })} />`;
}

/** @param {Part} props */
function CohortFields({ Choice, ...part }) {
  const units = ["day", "week", "month"].map((one) => [one, t(/** @type {Word} */ (one + "Unit"))]);
  return html`<${Field} label=${t("groupCohort")} name="cohort" type="date" ...${part} />
    <${Choice} label=${t("groupUnit")} value=${part.users.unit} options=${units}
      choose=${(/** @type {string} */ unit) => part.change({ unit })} />
    <${Field} label=${t("groupOffset")} name="offset" type="number" ...${part} />`;
}

/** @param {Part} props */
function VariantFields({ Choice, ...part }) {
  const goals = useList("goals", (body) => /** @type {{ id: string, name: string }[]} */ (body.goals)) ?? [];
  const answers = [["", t("converted_")], ["true", t("converted_true")], ["false", t("converted_false")]];
  const first = goals[0]?.id;
  useEffect(() => {
    if (first && !part.users.goal) part.change({ goal: first });
  }, [first]);
  return html`
    ${goals.length
      ? html`<${Choice} label=${t("goal")} value=${part.users.goal} options=${goals.map((one) => [one.id, one.name])}
          choose=${(/** @type {string} */ goal) => part.change({ goal })} />`
      : html`<${Field} label=${t("groupGoal")} name="goal" placeholder="order" ...${part} />`}
    <${Field} label=${t("groupExposure")} name="exposure_type" placeholder="experiment_viewed" ...${part} />
    <${Field} label=${t("groupProperty")} name="variant_property" placeholder="payload.variant" ...${part} />
    <${Field} label=${t("groupVariant")} name="variant" placeholder="b" ...${part} />
    <${Choice} label=${t("groupConverted")} value=${part.users.converted} options=${answers}
      choose=${(/** @type {string} */ converted) => part.change({ converted })} />`;
}
