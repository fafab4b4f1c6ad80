import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";

const scripts = ["analytics.classic.js", "analytics.js", "tracker.js", "vitals.js"];
const folder = mkdtempSync(join(tmpdir(), "sdk-release-"));
const release = () => spawnSync(process.execPath, ["release.mjs", folder], { encoding: "utf8" });
const read = (...path: string[]) => readFileSync(join(folder, ...path), "utf8");

function build(version: string, content: string): void {
  mkdirSync(join(folder, "dist"), { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ version }));
  for (const name of [...scripts, "react.js", "tracker.js.map"]) writeFileSync(join(folder, "dist", name), `${content} ${name}`);
}

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  build("1.0.0", "first");
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("a release keeps the scripts that pages load, with their hashes", () => {
  assert.equal(release().stdout, "kept as releases/1.0.0\n");
  assert.deepEqual(readdirSync(join(folder, "releases", "1.0.0")).sort(), scripts);
  const hash = createHash("sha384").update("first tracker.js").digest("base64");
  assert.equal(JSON.parse(read("releases", "integrity.json"))["1.0.0"]["tracker.js"], `sha384-${hash}`);
});

test("the next version stands beside the first", () => {
  release();
  build("1.1.0", "second");
  assert.equal(release().status, 0);
  assert.deepEqual(Object.keys(JSON.parse(read("releases", "integrity.json"))), ["1.0.0", "1.1.0"]);
  assert.equal(read("releases", "1.0.0", "tracker.js"), "first tracker.js");
  assert.equal(read("releases", "1.1.0", "tracker.js"), "second tracker.js");
});

test("a released version is not replaced", () => {
  release();
  const list = read("releases", "integrity.json");
  assert.equal(release().status, 0);
  build("1.0.0", "other");
  const refused = release();
  assert.deepEqual([refused.status, refused.stderr.startsWith("1.0.0 is released with other scripts")], [1, true]);
  assert.equal(read("releases", "1.0.0", "tracker.js"), "first tracker.js");
  assert.equal(read("releases", "integrity.json"), list);
});
