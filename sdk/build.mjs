// Builds dist/ from src/: ES modules for bundlers and pages, scripts for <script src>. Declarations are made by tsc after it,
// of which declarations.mjs keeps those of the entries.
// An entry whose source does not exist is left out.
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(root, ...parts);

// Members of objects that only modules of src/ see. None of these names may be one of the public surface, or of the browser's.
const mangleProps = /^(added|arm|counts|drop|forget|hold|isGranted|leave|memory|readAll|records|reject|resume|start|storeOptOut|takeDrops|update|volatile)$/;

const shared = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  sourcemap: true,
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  mangleProps,
  outdir: "dist",
};

// ./analytics.js stays an import of the other modules, so that a page that loads two of them has one client class.
const modules = { analytics: "src/analytics.ts", react: "src/react.ts", vue: "src/vue.ts" };
const scripts = { "analytics.classic": "src/classic.ts" };
// vitals.js holds web-vitals, whose licence asks for a notice.
const vitals = { vitals: "src/vitals.ts" };
const notice = { js: "/* web-vitals, Copyright Google LLC, Apache-2.0: LICENSE-web-vitals */" };
const withoutStorage = {
  name: "without-storage",
  setup(tracker) {
    tracker.onResolve({ filter: /^\.\/(store|session|lock)\.js$/ }, () => ({ path: at("src/tracker/memory_store.ts") }));
  },
};

const present = (entries) => Object.fromEntries(Object.entries(entries).filter(([, path]) => existsSync(at(path))));

mkdirSync(at("dist"), { recursive: true });
for (const name of readdirSync(at("dist"))) rmSync(at("dist", name));
await build({ ...shared, entryPoints: present(modules), format: "esm", external: ["./analytics.js", "react", "vue"] });
await build({ ...shared, entryPoints: present(vitals), format: "esm", banner: notice });
await build({ ...shared, entryPoints: present(scripts), format: "iife" });
await build({ ...shared, entryPoints: present({ tracker: "src/tracker.ts" }), format: "iife", plugins: [withoutStorage] });
