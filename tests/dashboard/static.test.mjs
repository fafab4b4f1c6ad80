// Tests of the dashboard's modules that need no browser: node --test tests/dashboard/static.test.mjs
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { mock, test } from "node:test";

const first = JSON.parse(readFileSync(new URL("first_requests.json", import.meta.url), "utf8"));
const dataset = { site: first.site, zone: first.zone, base: "/assets/0/", scopes: "read" };
globalThis.document = { documentElement: { dataset, lang: "en" } };
Object.defineProperty(globalThis, "navigator", { value: { languages: ["en-US"], onLine: true }, configurable: true });
globalThis.localStorage = { getItem: () => null };

const modules = new URL("../../analytics/dashboard/static/", import.meta.url);
const load = (path) => import(new URL(path, modules));
const { overviewPath } = await load("app/api.js");
const { readState } = await load("app/state.js");
const filters = await load("parts/filters.js");
const { count, duration, change, share, label, describe } = await load("app/format.js");
const { refuseRange } = await load("parts/range_form.js");
const { tickStep } = await load("charts/scale.js");
const { loadWords } = await load("app/words.js");
await loadWords();

mock.timers.enable({ apis: ["Date"], now: new Date(first.now) });

for (const [search, query] of first.cases) {
  test(`first request of ${search || "a bare address"}`, () => {
    assert.equal(overviewPath(readState(search)), `reports/overview?${query}&${first.tail}`);
  });
}

const { DEFAULTS, gridPath } = await load("pages/retention.js");
const { topPath } = await load("pages/journeys.js");
const FIRST_PATHS = { retention: (search) => gridPath(readState(search, DEFAULTS)), journeys: (search) => topPath(readState(search)) };
for (const [page, search, path] of first.pages) {
  test(`first request of ${page}${search}`, () => assert.equal(FIRST_PATHS[page](search), path));
}

test("a filter's terms are read as the API reads them", () => {
  const terms = filters.parseFilter("country==DE|AT;path=^/a\\;b;referrer==;payload.order\\.total!~1\\|2;segment:Phones \\| tablets");
  assert.deepEqual(terms.map(({ text, ...term }) => term), [
    { field: "country", operator: "==", values: ["DE", "AT"] },
    { field: "path", operator: "=^", values: ["/a;b"] },
    { field: "referrer", operator: "==", values: [""] },
    { field: "payload.order\\.total", operator: "!~", values: ["1|2"] },
    { segment: "Phones | tablets" },
  ]);
});

test("a field that an object has by itself is no word", () => {
  for (const name of ["constructor", "toString", "__proto__", "valueOf"]) {
    assert.deepEqual(describe(filters.parseFilter(`${name}==x`)[0]), { name: "Property is", values: "x" });
    assert.equal(describe(filters.parseFilter(`payload.${name}==x`)[0]).name, `${name} is`);
  }
});

test("a filter that nobody can read stays as it is", () => {
  assert.deepEqual(filters.parseFilter("nonsense;country==DE").map((one) => one.text), ["nonsense", "country==DE"]);
});

test("signs of the grammar in a value are escaped", () => {
  assert.equal(filters.condition("path", "==", ["/a;b|c\\d"]), "path==/a\\;b\\|c\\\\d");
  assert.deepEqual(filters.parseFilter(filters.condition("path", "==", ["/a;b|c\\d", "/e"]))[0].values, ["/a;b|c\\d", "/e"]);
});

test("a click on a row replaces the field's value, a second one takes it back", () => {
  const once = filters.toggleValue("country==DE;path=^/blog;path==/", "path", "/buy");
  assert.equal(once, "country==DE;path=^/blog;path==/buy");
  assert.equal(filters.toggleValue(once, "path", "/buy"), "country==DE;path=^/blog");
  assert.equal(filters.toggleValue("", "source", null), "source==");
});

test("a term is changed in its place, or removed", () => {
  assert.equal(filters.replaceTerm("a==1;b==2;c==3", 1, "b!=2"), "a==1;b!=2;c==3");
  assert.equal(filters.replaceTerm("a==1;b==2;c==3", 1), "a==1;c==3");
  assert.equal(filters.addTerm("a==1", "a==1"), "a==1");
});

test("conditions are named in words", () => {
  const [one, none, segment] = filters.parseFilter("country!=DE|FR;source==;segment:Readers").map(describe);
  assert.deepEqual(one, { name: "Country is not", values: "Germany or France" });
  assert.deepEqual(none, { name: "Source is", values: "Direct / none" });
  assert.deepEqual(segment, { name: "Segment", values: "Readers" });
});

test("a range of days is refused in words", () => {
  const refuse = (from, to) => refuseRange(from, to, "2026-03-10");
  assert.equal(refuse("2026-03-01", "2026-03-10"), "");
  assert.equal(refuse("", "2026-03-10"), "Choose both days.");
  assert.equal(refuse("2026-03-02", "2026-03-01"), "The first day is after the last one.");
  assert.equal(refuse("2026-03-01", "2026-03-11"), "These days are yet to come: choose none after Mar 10, 2026.");
  // Ten years with two leap days are 3,652 days; from 3 to 10 March, both included, 8 more.
  assert.equal(refuse("2016-03-03", "2026-03-10"), "");
  assert.equal(refuse("2016-03-02", "2026-03-10"), "Choose 3,660 days at most.");
});

test("figures are short where they are long", () => {
  assert.deepEqual([0, 9_999, 10_049, 1_234_567, null].map(count), ["0", "9,999", "10.0K", "1.2M", "–"]);
  assert.deepEqual([9, 93, 7_500, null].map(duration), ["9s", "1m 33s", "2h 05m", "–"]);
  assert.deepEqual([-0.25, 9.9, 12].map(change), ["25%", "990%", ">999%"]);
  assert.deepEqual([0, 0.004, 0.62].map(share), ["0%", "<1%", "62%"]);
  assert.equal(label("city", "DE/Bavaria/Munich"), "Munich");
});

test("ticks are four to six round numbers", () => {
  assert.equal(tickStep(1_140, "visitors"), 250);
  assert.equal(tickStep(3, "visitors"), 1);
  assert.equal(tickStep(48, "visits"), 10);
  assert.equal(tickStep(0.67, "bounce_rate"), 0.2);
  assert.equal(tickStep(185, "avg_visit_duration_s"), 60);
});

test("German has every word and every placeholder of English", async () => {
  const holes = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  const files = readdirSync(new URL("app/", modules)).filter((one) => /^words_\w*de\.js$/.test(one));
  assert.ok(files.length > 1);
  for (const file of files) {
    const { de } = await load("app/" + file);
    const { en } = await load("app/" + (file === "words_de.js" ? "words_en.js" : file.replace("_de.js", ".js")));
    assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
    for (const [name, text] of Object.entries(de)) {
      const english = typeof en[name] === "string" ? { one: en[name], other: en[name] } : en[name];
      const forms = typeof text === "string" ? { other: text } : text;
      for (const [form, german] of Object.entries(forms)) assert.deepEqual(holes(german), holes(english[form]), name);
    }
  }
});
