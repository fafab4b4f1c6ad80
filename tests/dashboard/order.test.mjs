// Tests of what the form of exports sends and shows: node --test tests/dashboard/order.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";

const dataset = { site: "shop", zone: "Europe/Berlin", base: "/assets/0/", scopes: "read export" };
globalThis.document = { documentElement: { dataset, lang: "en" } };
Object.defineProperty(globalThis, "navigator", { value: { languages: ["en-GB"], onLine: true }, configurable: true });
globalThis.localStorage = { getItem: () => null };

const parts = new URL("../../analytics/dashboard/static/parts/", import.meta.url);
const { FIRST_ORDER, bodyOfOrder, bodyOfRequest } = await import(new URL("order.js", parts));
const { size } = await import(new URL("../app/size.js", parts));
const { parseCsv, usersQuery } = await import(new URL("preview.js", parts));

test("the first order is events of four weeks, with bots", () => {
  const body = { site: "shop", what: "events", format: "csv", compression: "none", days: 28, filter: { include_bots: true } };
  assert.deepEqual(bodyOfOrder(FIRST_ORDER), body);
});

test("a schedule has no period, a workbook no compression", () => {
  const order = { ...FIRST_ORDER, every: "day", format: "xlsx", compression: "gzip", types: " signup,, purchase ", where: "country==DE" };
  const filter = { type: ["signup", "purchase"], include_bots: true, where: "country==DE" };
  assert.deepEqual(bodyOfOrder(order), { site: "shop", what: "events", format: "xlsx", filter });
});

test("a report is sent only what it accepts", () => {
  const order = { ...FIRST_ORDER, what: "report", report: "metrics", types: "signup", where: "country==DE", period: "all", bots: false };
  const metrics = { site: "shop", what: "report", format: "csv", compression: "none", report: "metrics" };
  assert.deepEqual(bodyOfOrder(order), metrics);
  const breakdown = { ...metrics, report: "breakdown", unit: "day", dimension: "path" };
  breakdown.filter = { type: ["signup"], include_bots: false };
  assert.deepEqual(bodyOfOrder({ ...order, report: "breakdown" }), breakdown);
});

test("samples are filtered by their names alone", () => {
  const order = { ...FIRST_ORDER, what: "samples", names: "load", period: "custom", from: "2026-11-01", to: "2026-11-02" };
  const period = { from: "2026-11-01", to: "2026-11-02" };
  const filter = { name: ["load"] };
  assert.deepEqual(bodyOfOrder(order), { site: "shop", what: "samples", format: "csv", compression: "none", ...period, filter });
});

test("a file is ordered again with the segments that were sent", () => {
  const request = {
    what: "events", format: "csv", compression: "gzip", zone: "UTC", start: "2026-11-01T00:00:00+00:00",
    end: "2026-11-02T00:00:00+00:00", received_from: null, types: [], user_id: null, include_bots: true,
    columns: ["ts"], where: "country==DE", where_sent: "segment:Germans",
  };
  assert.deepEqual(bodyOfRequest(request, null), {
    site: "shop", what: "events", format: "csv", compression: "gzip", from: request.start, to: request.end, zone: "UTC",
    filter: { where: "segment:Germans", include_bots: true }, columns: ["ts"],
  });
});

const users = { ...FIRST_ORDER, what: "users", bots: false };
const list = { site: "shop", what: "users", format: "csv", compression: "none" };

test("a list of users has the group, and what its report accepts", () => {
  const step = { funnel: "5f0c", step: "2", reached: "dropped" };
  const order = { ...users, group: "funnel", users: step, types: "signup", where: "country==DE" };
  assert.deepEqual(bodyOfOrder(order), { ...list, days: 28, users: step, filter: { include_bots: false, where: "country==DE" } });
  assert.equal(usersQuery(order),
    "site=shop&funnel=5f0c&step=2&reached=dropped&days=28&filter=country%3D%3DDE&include_bots=false&limit=6");
  const all = { ...users, types: "signup, order", users: {} };
  assert.deepEqual(bodyOfOrder(all), { ...list, days: 28, filter: { include_bots: false, type: ["signup", "order"] } });
  assert.equal(usersQuery(all), "site=shop&days=28&include_bots=false&limit=6&type=signup&type=order");
  const variant = { goal: "order", exposure_type: "seen", variant_property: "payload.v", variant: "b", converted: "" };
  const { converted, ...sent } = variant;
  assert.deepEqual(bodyOfOrder({ ...users, every: "day", group: "goal", users: variant }),
    { ...list, users: sent, filter: { include_bots: false } });
});

test("a cohort has no other period, not when it is ordered again either", () => {
  const cohort = { cohort: "2026-11-02", unit: "week", offset: "1" };
  const order = { ...users, group: "cohort", users: cohort };
  assert.deepEqual(bodyOfOrder(order), { ...list, users: cohort, filter: { include_bots: false } });
  assert.equal(usersQuery(order), "site=shop&cohort=2026-11-02&unit=week&offset=1&include_bots=false&limit=6");
  const request = { what: "users", format: "csv", compression: "none", zone: "UTC", start: "2026-11-09T00:00:00+00:00",
    end: "2026-11-16T00:00:00+00:00", columns: [], include_bots: false, users: cohort };
  assert.deepEqual(bodyOfRequest(request, null), { ...list, users: cohort, filter: { include_bots: false } });
});

test("sizes have a unit that suits them", () => {
  assert.equal(size(999), "999 bytes");
  assert.equal(size(1500), "1.5 kB");
  assert.equal(size(12_340_000), "12.3 MB");
});

test("rows of CSV are read as far as they are complete", () => {
  const text = 'a,b\n1,"x,""y"""\n,\n3,fo';
  assert.deepEqual(parseCsv(text, false), [["a", "b"], ["1", 'x,"y"'], ["", ""]]);
  assert.deepEqual(parseCsv(text, true), [["a", "b"], ["1", 'x,"y"'], ["", ""], ["3", "fo"]]);
  assert.deepEqual(parseCsv("a\n1\n", true), [["a"], ["1"]]);
  assert.deepEqual(parseCsv('a,b\n1,"an open qu', false), [["a", "b"]]);
});
