// Makes analytics/dashboard/static/vendor/preact.js: Preact, its hooks and htm as one minified ES module. Run by hand
// when one of the versions changes, and commit what it writes:
//
//   make sdk && node tools/vendor_preact.mjs
//
// It needs npm, for the two packages, and esbuild, which the SDK has as a development dependency.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PREACT = "11.2.0";
const HTM = "3.1.1";
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const target = join(root, "analytics/dashboard/static/vendor");
const { build } = createRequire(join(root, "sdk/package.json"))("esbuild");

const folder = mkdtempSync(join(tmpdir(), "vendor-"));
try {
  unpack("preact", PREACT);
  unpack("htm", HTM);
  await bundle();
  writeFileSync(join(target, "LICENSE"), licences());
} finally {
  rmSync(folder, { recursive: true });
}

function unpack(name, version) {
  const at = join(folder, "node_modules", name);
  mkdirSync(at, { recursive: true });
  execFileSync("npm", ["pack", "--silent", `${name}@${version}`], { cwd: folder });
  execFileSync("tar", ["-xzf", `${name}-${version}.tgz`, "--strip-components=1", "-C", at], { cwd: folder });
}

async function bundle() {
  const names = "useState, useEffect, useLayoutEffect, useMemo, useRef, useCallback";
  const contents = `import { h, render } from "preact"; import htm from "htm";
    export { render }; export { ${names} } from "preact/hooks"; export const html = htm.bind(h);`;
  await build({
    stdin: { contents, resolveDir: folder },
    outfile: join(target, "preact.js"),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    banner: { js: `/*! Preact ${PREACT} (MIT) and htm ${HTM} (Apache-2.0): see LICENSE */` },
  });
}

function licences() {
  const text = (name) => readFileSync(join(folder, "node_modules", name, "LICENSE"), "utf8").trim();
  return `preact.js holds two works.\n\nPreact ${PREACT}\n\n${text("preact")}\n\n\nhtm ${HTM}\n\n${text("htm")}\n`;
}
