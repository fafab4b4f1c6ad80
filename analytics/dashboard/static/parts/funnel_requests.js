// Requests about stored funnels that the list and the report share.
import { address, send } from "../app/api.js";
import { reportQuery } from "../app/state.js";

/** @typedef {{ funnel_id: string, funnel_name: string, total_starts: number, total_conversions: number, conversion_rate: number | null,
 *   avg_time_to_convert: number | null, performance_score: number }} Compared */

/** @param {string[]} ids @param {string} query @returns {Promise<Compared[]>} */
export const compareFunnels = (ids, query) => send("POST", "../v1/funnels/compare?" + query, { funnel_ids: ids });

/** The CSV of a funnel's steps. @param {import("../app/funnel.js").Funnel} funnel @param {State} state */
export const csvOfFunnel = (funnel, state) => address(`../v1/funnels/${funnel.id}/analytics/detailed?${reportQuery(state)}&format=csv`);
