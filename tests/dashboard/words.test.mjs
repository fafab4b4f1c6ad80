// Each page loads the words that its modules show: node --test tests/dashboard/words.test.mjs
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const modules = new URL("../../analytics/dashboard/static/", import.meta.url);
const source = (path) => readFileSync(new URL(path, modules), "utf8");
const isWords = (path) => /app\/words\w*\.js$/.test(path);

/** The page of exports shows its orders; other pages take formats of them. */
const isOthers = (path, page) => path === "parts/order.js" && page !== "exports.js";

/** The modules that a module loads, at once or later, without the list of all pages. */
function closure(path, found = new Set()) {
  if (found.has(path) || path === "app/main.js" || path.startsWith("vendor/")) return found;
  found.add(path);
  if (isWords(path)) return found;
  for (const [, address] of source(path).matchAll(/(?:^import [^;]*?from |^import |\bimport\()"(\.[^"]+)"/gms)) {
    closure(new URL(address, new URL(path, modules)).href.slice(modules.href.length), found);
  }
  return found;
}

/** The keys of a file of words. */
const keysOf = (path) => [...source(path).matchAll(/(?:^\s*|[{,]\s*)"?([\w=!~^]+)"?:\s*["{]/gm)].map(([, key]) => key);

/** The keys that are written out in calls of `t`, both of a choice too; not those that are put together. */
const keysIn = (text) => [...text.matchAll(/\bt\(([^,)]*)/g)].filter(([, first]) => !first.includes("+")).flatMap(
  ([, first]) => [...first.matchAll(/(=== )?"(\w+)"/g)].filter(([, compared]) => !compared).map(([, , key]) => key));

for (const name of readdirSync(new URL("pages/", modules))) {
  test(`pages/${name} loads the words that it shows`, () => {
    const files = [...closure(`pages/${name}`)];
    const words = new Set(["app/words.js", ...files.filter(isWords)].flatMap(keysOf));
    const used = files.filter((path) => !isWords(path) && !isOthers(path, name)).flatMap((path) => keysIn(source(path)).map((key) => [key, path]));
    assert.ok(used.length > 0);
    assert.deepEqual(used.filter(([key]) => !words.has(key)), []);
  });
}
