// Each page loads the words that its modules show: node --test tests/dashboard/words.test.mjs
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const modules = new URL("../../analytics/dashboard/static/", import.meta.url);
const source = (path) => readFileSync(new URL(path, modules), "utf8");
const isWords = (path) => /app\/words\w*\.js$/.test(path);

/** The page of exports shows its orders; other pages take formats of them. */
const isOthers = (path, page) => path === "parts/order.js" && page !== "exports.js";

/** The addresses that a module imports: at once, or, with `import(`, later. */
function importsOf(path, form) {
  const found = [...source(path).matchAll(form)].map(([, address]) => new URL(address, new URL(path, modules)).href.slice(modules.href.length));
  return found.filter((one) => one !== "app/main.js" && !one.startsWith("vendor/"));
}
const AT_ONCE = /(?:^import [^;]*?from |^import )"(\.[^"]+)"/gms;
// Not those of types, import("…").Type.
const LATER = /\bimport\("(\.[^"]+)"\)(?!\.[A-Z])/g;

/** The modules that a module loads at once, with it. */
function closure(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const one of importsOf(path, AT_ONCE)) closure(one, found);
  return found;
}

/** What a module and all that it loads show, as [key, module], but for the words that are there by then. */
function missing(path, page, words, seen = new Set()) {
  if (seen.has(path)) return [];
  seen.add(path);
  const files = [...closure(path)];
  const later = files.flatMap((one) => importsOf(one, LATER));
  const known = new Set([...words, ...later.filter(isWords).flatMap(keysOf)]);
  const shown = files.filter((one) => !isWords(one) && !isOthers(one, page)).flatMap((one) => keysIn(source(one)).map((key) => [key, one]));
  return [...shown.filter(([key]) => !known.has(key)), ...later.filter((one) => !isWords(one)).flatMap((one) => missing(one, page, known, seen))];
}

/** The keys of a file of words. */
const keysOf = (path) => [...source(path).matchAll(/(?:^\s*|[{,]\s*)"?([\w=!~^]+)"?:\s*["{]/gm)].map(([, key]) => key);

/** The keys that are written out in calls of `t`, both of a choice too; not those that are put together. */
const keysIn = (text) => [...text.matchAll(/\bt\(([^,)]*)/g)].filter(([, first]) => !first.includes("+")).flatMap(
  ([, first]) => [...first.matchAll(/(=== )?"(\w+)"/g)].filter(([, compared]) => !compared).map(([, , key]) => key));

for (const name of readdirSync(new URL("pages/", modules))) {
  test(`pages/${name} loads the words that it shows`, () => {
    assert.ok([...closure(`pages/${name}`)].flatMap((one) => keysIn(source(one))).length > 0);
    assert.deepEqual(missing(`pages/${name}`, name, keysOf("app/words_en.js")), []);
  });
}
