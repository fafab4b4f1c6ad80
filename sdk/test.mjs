// Bundles test/*.test.ts with esbuild, so that any Node runs them, and runs them with node:test.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sdk-test-"));
const sources = readdirSync(join(root, "test")).filter((name) => name.endsWith(".test.ts"));
try {
  await build({
    absWorkingDir: root, entryPoints: sources.map((name) => `test/${name}`), outdir: folder, outExtension: { ".js": ".mjs" },
    bundle: true, platform: "node", format: "esm", sourcemap: "inline",
  });
  const files = sources.map((name) => join(folder, name.replace(/ts$/, "mjs")));
  const options = ["--enable-source-maps", "--test", "--test-reporter=spec"];
  const run = spawnSync(process.execPath, [...options, ...files], { cwd: root, stdio: "inherit" });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
