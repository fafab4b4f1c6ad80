// Deletes the declarations in dist/ that no entry of the package leads to: those of internal modules. After tsc.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const dist = (name) => join(root, "dist", name);

const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const reached = new Set(Object.values(exports).flatMap(({ types }) => (types ? [types.replace("./dist/", "")] : [])));
// A set that grows while it is read: its new members are read too.
for (const name of reached) {
  for (const [, file] of readFileSync(dist(name), "utf8").matchAll(/["']\.\/([\w.-]+)\.js["']/g)) reached.add(`${file}.d.ts`);
}
for (const name of readdirSync(dist(""))) if (name.endsWith(".d.ts") && !reached.has(name)) rmSync(dist(name));
