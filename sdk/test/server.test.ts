import assert from "node:assert/strict";
import { test } from "node:test";
import { AnalyticsClient } from "../src/analytics.js";
import { resolveOptions } from "../src/options.js";

test("on a server a client does nothing, and keeps no process alive", async () => {
  const client = new AnalyticsClient("https://analytics.example", "token", { site: "shop" });
  assert.equal(client.track("order", { total: 1 }), null);
  assert.equal(client.page(), null);
  assert.equal(client.identify("user-1", { plan: "free" }), null);
  client.optOut();
  client.optIn();
  client.consent("granted");
  client.setToken("other");
  client.reset();
  await client.flush();
  client.close();
  assert.deepEqual(client.stats(), {
    tracked: 0, sent: 0, rejected: 0, dropped: 0, reasons: {}, retries: 0, waiting: 0, unsaved: 0, active: false,
  });
});

test("an option that is undefined has its default", () => {
  const settings = resolveOptions({ flushAt: undefined, path: undefined, rate: 5, persist: false });
  assert.deepEqual([settings.flushAt, settings.path, settings.rate, settings.persist], [10, "/api/analytics/ingest", 5, false]);
});
