// Prints what a page loads, minified and compressed, beside its budget and beside other trackers. Fails over a budget.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));

// What a page imports, as a bundler would build it. Budgets in KB (1,000 bytes) of gzip.
const imports = {
  SDK: ['export { AnalyticsClient } from "./dist/analytics.js"', 4.5],
  "SDK with the reader": ['export { AnalyticsClient, AnalyticsSDK } from "./dist/analytics.js"', 4.8],
  "SDK with React hook": ['export { useAnalytics, AnalyticsProvider, usePageViews } from "./dist/react.js"', 4.9],
  "SDK with Vue plugin": ['export { createAnalytics, useAnalytics } from "./dist/vue.js"', 4.9],
};
const scripts = {
  "classic script": ["dist/analytics.classic.js", 4.9],
  tracker: ["dist/tracker.js", 6.0],
  "vitals (loaded lazily)": ["dist/vitals.js", 3.5],
};
// KB of gzip, bundled and minified in the same way. None of the first three keeps, repeats or deduplicates events.
const others = { goatcounter: 2.2, umami: 2.3, "@plausible-analytics/tracker": 2.7, snowplow: 18.3, rudder: 35.5, mixpanel: 37.1, segment: 43.8, "posthog slim": 56.7 };

async function bundle(contents) {
  const result = await build({
    stdin: { contents, resolveDir: root },
    bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none", write: false, external: ["react", "vue"],
  });
  return result.outputFiles[0].contents;
}

let failed = false;
function print(name, bytes, budget) {
  const kb = gzipSync(bytes, { level: 9 }).length / 1000;
  if (kb > budget) failed = true;
  const verdict = kb > budget ? "OVER" : "ok";
  console.log(`${name.padEnd(30)} ${kb.toFixed(2).padStart(6)} ${(brotliCompressSync(bytes).length / 1000).toFixed(2).padStart(6)} ${budget.toFixed(1).padStart(7)}  ${verdict}`);
}

console.log(`${"KB".padEnd(30)} ${"gzip".padStart(6)} ${"brotli".padStart(6)} ${"budget".padStart(7)}`);
for (const [name, [contents, budget]] of Object.entries(imports)) {
  const file = /from "\.\/(.*)"/.exec(contents)[1];
  if (existsSync(join(root, file))) print(name, await bundle(contents), budget);
}
for (const [name, [file, budget]] of Object.entries(scripts)) {
  if (existsSync(join(root, file))) print(name, readFileSync(join(root, file)), budget);
}
for (const [name, kb] of Object.entries(others)) console.log(`${name.padEnd(30)} ${kb.toFixed(1).padStart(6)}`);
process.exit(failed ? 1 : 0);
