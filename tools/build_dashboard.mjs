// Builds analytics/dashboard/dist/ from static/, `make assets`: modules of pages with what they import, and each script and
// style of the folder itself, minified; pictures, data and licences as they are.
// build.json says which modules each page imports at once, and which sources this is the build of.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const sources = join(root, "analytics/dashboard/static");
const target = join(root, "analytics/dashboard/dist");
const { build } = createRequire(join(root, "sdk/package.json"))("esbuild");

// Small, and loaded by most readers of a page once it is drawn: each costs less in the file that imports it than as a request.
const JOINED = ["app/keys.js", "charts/heat.js", "charts/map.js", "parts/live.js"];
// Modules that most of their pages need together: one chunk in place of one for each set of pages.
const TOGETHER = [
  ["charts/spark.js", "parts/dates.js", "parts/delta.js", "parts/live.js"],
  ["app/params.js", "parts/report_frame.js"],
  ["app/goals.js", "parts/type_list.js"],
  ["charts/line.js", "parts/panel.js", "parts/switches.js"],
  ["parts/confirm.js", "parts/dialog.js"],
];
// Of templates, which are text to esbuild; no text of a page begins a line with spaces.
const INDENT = /\n +/g;
const DIGEST_CHARS = 12;

const options = {
  absWorkingDir: sources,
  bundle: true,
  minify: true,
  target: "es2022",
  charset: "utf8",
  legalComments: "inline",
  logLevel: "warning",
  outbase: sources,
  outdir: target,
};

rmSync(target, { recursive: true, force: true });
const names = listSources();
const pages = names.filter((name) => name.startsWith("pages/"));
// All other files import it, so that its modules are one chunk; else each set of pages would get a chunk. It has
// app/main.js, too: a page that is loaded starts itself.
const CORE = "app/core.js";
let core = null;
core = await listCore();
const { metafile } = await buildModules(pages);
// A script of the folder itself runs before the first paint, so it is no module.
await build({ ...options, entryPoints: names.filter((name) => /^[^/]+\.(js|css)$/.test(name)), format: "iife" });
for (const name of names.filter((one) => !/\.(js|css)$|^tsconfig/.test(one))) {
  mkdirSync(dirname(join(target, name)), { recursive: true });
  copyFileSync(join(sources, name), join(target, name));
}
const preloads = Object.fromEntries(pages.map((page) => [page, listImports(page)]));
writeFileSync(join(target, "build.json"), JSON.stringify({ sources: digestSources(), preloads }, null, 1) + "\n");

/** Modules, split where pages share them. */
function buildModules(entryPoints, more = {}) {
  const plugins = [{ name: "join", setup: ({ onLoad }) => onLoad({ filter: /\.js$/ }, joinModules) }];
  const chunkNames = "chunks/[name]-[hash]";
  return build({ ...options, entryPoints, plugins, format: "esm", splitting: true, chunkNames, metafile: true, ...more });
}

/** The core's modules and all that they import at once. */
async function listCore() {
  const { metafile } = await buildModules([CORE], { write: false });
  const found = new Set([CORE]);
  for (const name of found) {
    for (const { path, kind } of metafile.inputs[name].imports) if (kind === "import-statement") found.add(path);
  }
  return found;
}

/** The file with an import of the core and of what it comes together with, and in which `import("…")` of a module of JOINED is
 * that module. */
function joinModules({ path }) {
  const name = relative(sources, path);
  const group = TOGETHER.find((one) => one.includes(name)) ?? [];
  const found = core && !core.has(name) ? [CORE, ...group].map((one) => join(sources, one)) : [];
  const text = readFileSync(path, "utf8").replace(/\bimport\("(\.[^"]+)"\)/g, (whole, address) => {
    if (!JOINED.includes(relative(sources, resolve(dirname(path), address)))) return whole;
    return `Promise.resolve(joined${found.push(address)})`;
  });
  const lines = text.replace(INDENT, "\n");
  return { contents: lines + found.map((address, index) => `\nimport * as joined${index + 1} from "${address}";`).join("") };
}

/** This output, and all that it imports at once. */
function listImports(page) {
  const folder = relative(sources, target);
  const found = new Set([join(folder, page)]);
  for (const name of found) {
    const now = metafile.outputs[name].imports.filter((one) => one.kind === "import-statement");
    for (const { path } of now) found.add(path);
  }
  return [...found].map((name) => relative(folder, name));
}

function listSources() {
  const found = readdirSync(sources, { recursive: true }).sort();
  return found.filter((name) => !name.endsWith(".ts") && statSync(join(sources, name)).isFile());
}

/** As analytics/dashboard/assets.py computes the version of a folder. */
function digestSources() {
  const digest = createHash("sha256");
  for (const name of names) {
    const body = readFileSync(join(sources, name));
    digest.update(`${name}\0${body.length}\0`).update(body);
  }
  return digest.digest("hex").slice(0, DIGEST_CHARS);
}
