import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { AnalyticsSDK, ApiError } from "../src/analytics.js";

const server = createServer((request, response) => {
  const found = request.url === "/analytics/stats/a%2Fb" && request.headers.authorization === "Bearer t";
  response.statusCode = found ? 200 : request.url === "/analytics/global" ? 502 : 404;
  const problem = '{"status": 404, "code": "not_found", "detail": "no such link"}';
  response.end(found ? '{"short_code": "a/b", "total_clicks": 3}' : response.statusCode === 502 ? "<html>" : problem);
});
let url = "";

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
after(() => server.close());

test("the report of a link is read with the token", async () => {
  assert.deepEqual(await new AnalyticsSDK(url, "t").getUrlStats("a/b"), { short_code: "a/b", total_clicks: 3 });
});

test("a problem is thrown with its status, code and detail", async () => {
  const error = await new AnalyticsSDK(url).getUrlStats("a/b").catch((error: unknown) => error);
  assert.ok(error instanceof ApiError);
  assert.deepEqual([error.status, error.code, error.detail, error.message], [404, "not_found", "no such link", "no such link"]);
});

test("an answer that is no JSON is thrown with its status", async () => {
  const error = await new AnalyticsSDK(url).getGlobalStats().catch((error: unknown) => error);
  assert.ok(error instanceof ApiError);
  assert.deepEqual([error.status, error.detail], [502, "the server answered 502"]);
});
