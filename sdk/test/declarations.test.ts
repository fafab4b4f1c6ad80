import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const declarations = readdirSync("dist").filter((name) => name.endsWith(".d.ts")).sort();

test("only what an application imports is declared, and what that names", () => {
  assert.deepEqual(declarations, ["analytics.d.ts", "client.d.ts", "react.d.ts", "reader.d.ts", "types.d.ts", "vue.d.ts"]);
});

test("no declaration names a file that is not there", () => {
  const named = declarations.flatMap((name) => [...readFileSync(`dist/${name}`, "utf8").matchAll(/"\.\/([\w.-]+)\.js"/g)]);
  assert.deepEqual([...new Set(named.map(([, file]) => `${file}.d.ts`))].filter((name) => !declarations.includes(name)), []);
});
