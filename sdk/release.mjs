// Keeps the built scripts that pages load by URL, in releases/<version>/, for as long as pages may pin them by their hash.
// A version is released once: releases/integrity.json holds its hashes, and other bytes under it are refused.
// An argument is another folder of a built package.
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// They import nothing but each other. Source maps are left out: they are three quarters of the bytes.
const scripts = ["analytics.classic.js", "analytics.js", "tracker.js", "vitals.js"];

const root = process.argv[2] ?? dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(root, ...parts);
const hash = (name) => `sha384-${createHash("sha384").update(readFileSync(at("dist", name))).digest("base64")}`;

const { version } = JSON.parse(readFileSync(at("package.json"), "utf8"));
const list = at("releases", "integrity.json");
const listed = existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : {};
const hashes = Object.fromEntries(scripts.map((name) => [name, hash(name)]));

if (version in listed && JSON.stringify(listed[version]) !== JSON.stringify(hashes)) {
  console.error(`${version} is released with other scripts; give package.json the next version, build, and release that`);
  process.exit(1);
}
mkdirSync(at("releases", version), { recursive: true });
for (const name of scripts) copyFileSync(at("dist", name), at("releases", version, name));
writeFileSync(list, `${JSON.stringify({ ...listed, [version]: hashes }, null, 2)}\n`);
console.log(`kept as releases/${version}`);
