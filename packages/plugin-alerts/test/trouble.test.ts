import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ALERTS, type AlertsOptions, alerts, type Condition } from "@host/plugin-alerts";
import { definePlugin, type Json, type Meter, STORE, type Store } from "mcp-host";
import { createTestHost } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { AT_ONCE, receiver, untilTold } from "./alerting.ts";

/** A plugin whose kind says what the test says. */
function thing(says: { now: readonly Condition[] | Error }) {
  return definePlugin({
    name: "thing",
    host: "^1.0.0",
    apply(host) {
      host.hooks.ready.tap("thing", () => {
        host.use(ALERTS).kind("thing", {
          description: "Whatever the test says.",
          watch: () => ({
            read() {
              if (says.now instanceof Error) throw says.now;
              return { conditions: says.now };
            },
          }),
        });
      });
    },
  });
}

const bad = (subject: string): Condition => ({ subject, is: "bad", summary: `${subject} is wrong` });
const RULES: AlertsOptions["rules"] = [{ kind: "plugin", of: "thing" }];
const report = (host: { reports(): Record<string, unknown> }): Json => host.reports().alerts as Json;

test("a store that fails stops no alert, and what was kept in another form is begun anew", async () => {
  let fails = true;
  let reads = 0;
  const values = new Map<string, unknown>();
  const broken = (): Promise<never> => Promise.reject(new Error("the disk is full"));
  const provider = definePlugin({
    name: "provider",
    host: "^1.0.0",
    apply(host) {
      const store: Store = {
        get: async (key) => (fails ? broken() : reads++ === 0 ? { alerts: "none" } : values.get(key)),
        set: async (key, value) => (fails ? broken() : void values.set(key, value)),
        delete: async () => {},
        increment: async () => 0,
        update: async () => undefined,
        lease: async () => (fails ? broken() : { renew: async () => true, release: async () => {} }),
        publish: async () => {},
        subscribe: () => () => {},
      };
      host.provide(STORE, () => store);
      host.hooks.settled.tap("provider", () => {});
    },
  });
  await using ops = await receiver();
  const says = { now: [bad("a")] as readonly Condition[] };
  const options: AlertsOptions = { ...AT_ONCE, receivers: [{ name: "ops", url: ops.url }], rules: RULES };
  await using host = await createTestHost({ plugins: [provider(), thing(says)(), alerts(options)], client: false });
  await untilTold(ops, "firing thing");
  const lines = (message: string) => host.log.filter((line) => line.message.startsWith(message));
  expect(lines("alerts cannot be kept in the store")).toMatchObject([{ level: "warn", reason: "the disk is full" }]);
  fails = false;
  await vi.waitFor(() => expect(lines("what was kept of alerts cannot be read")).toHaveLength(1));
  says.now = [];
  await untilTold(ops, "firing thing", "resolved thing");
  expect([...values.keys()]).toEqual([expect.stringMatching(/^state:/)]);
});

test("a kind that throws leaves things as they were, which is told once, and so is that it sees again", async () => {
  await using ops = await receiver();
  const says: { now: readonly Condition[] | Error } = { now: [bad("a"), bad("b")] };
  const options: AlertsOptions = { ...AT_ONCE, receivers: [{ name: "ops", url: ops.url }], rules: RULES };
  await using host = await createTestHost({ plugins: [thing(says)(), alerts(options)], client: false });
  await untilTold(ops, "firing thing", "firing thing");
  says.now = new Error("cannot see");
  const lines = (message: string) => host.log.filter((line) => line.message.startsWith(message));
  await vi.waitFor(() => expect(lines("a rule of alerts could not see")).toMatchObject([{ rule: "thing", reason: "cannot see" }]));
  says.now = [bad("a")];
  await vi.waitFor(() => expect(lines("a rule of alerts sees again")).toHaveLength(1));
  await vi.waitFor(() => expect(ops.told().filter((each) => each === "resolved thing")).toHaveLength(1));
  expect(lines("a rule of alerts could not see")).toHaveLength(1);
});

test("a receiver that hangs is given up in its time, sent the same again, and told that it is over although nobody knows what it has", async () => {
  const ids: unknown[] = [];
  const actions: string[] = [];
  let hangs = true;
  const server = createServer((request, response) => {
    ids.push(request.headers["webhook-id"]);
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    request.on("end", () => {
      if (hangs) return;
      actions.push(JSON.parse(text).event_action);
      response.writeHead(202).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const says: { now: readonly Condition[] } = { now: [bad("a")] };
  const pager = { name: "pager", template: "pagerduty" as const, routingKey: "a-key-of-this-test", url: `http://127.0.0.1:${port}` };
  const options: AlertsOptions = {
    ...AT_ONCE,
    receivers: [{ ...pager, timeout: "100ms", backoff: "10ms", maxBackoff: "20ms" }],
    rules: RULES,
  };
  await using host = await createTestHost({ plugins: [thing(says)(), alerts(options)], client: false });
  await vi.waitFor(() => expect(ids.length).toBeGreaterThan(1));
  expect(new Set(ids).size).toBe(1);
  expect(report(host.host)).toMatchObject({ receivers: { pager: { sent: 0, trouble: "it did not answer within 100 ms" } } });
  says.now = [];
  await vi.waitFor(() => expect(report(host.host).firing).toEqual({}));
  hangs = false;
  await vi.waitFor(() => expect(actions).toEqual(["resolve"]));
  await host.close();
  server.closeAllConnections();
  server.close();
});

test("the instruments tell it in figures", async () => {
  await using ops = await receiver();
  let meter: Meter | undefined;
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply: (host) => {
      meter = host.meter;
    },
  });
  const rules: AlertsOptions["rules"] = [
    ...RULES,
    { kind: "plugin", of: "thing", name: "later", for: "1h", severity: "info" },
    { kind: "disk", paths: ["not/there"] },
  ];
  const options: AlertsOptions = { ...AT_ONCE, receivers: [{ name: "ops", url: ops.url }], rules };
  await using _ = await createTestHost({ plugins: [thing({ now: [bad("a"), bad("b")] })(), alerts(options), reader()], client: false });
  await vi.waitFor(() => {
    const readings = Object.fromEntries(meter?.instruments().map((each) => [each.name, each.readings()]) ?? []);
    expect(readings).toEqual({
      "alerts.firing": [
        { labels: ["thing", "warning"], value: 2 },
        { labels: ["disk", "error"], value: 1 },
      ],
      "alerts.pending": [{ labels: ["later", "info"], value: 2 }],
      "alerts.waiting": [{ labels: ["ops"], value: 0 }],
      "alerts.sent": [{ labels: ["ops", "firing"], value: 2 }],
      "alerts.failed": [],
      "alerts.dropped": [{ labels: [], value: 0 }],
    });
  });
  const disk = ops.received.flatMap(({ body }) => body.alerts).find(({ labels }) => labels.kind === "disk");
  expect(disk?.annotations.summary).toMatch(/^the disk of \/.*not\/there cannot be looked at \(ENOENT\)$/);
});

test("two receivers: one that is down keeps nothing from the other", async () => {
  await using up = await receiver();
  await using down = await receiver();
  const { url } = down;
  await down.down();
  const says: { now: readonly Condition[] } = { now: [bad("a")] };
  const receivers = [
    { name: "down", url, maxBackoff: "100ms", backoff: "20ms" },
    { name: "up", url: up.url },
  ];
  await using host = await createTestHost({ plugins: [thing(says)(), alerts({ ...AT_ONCE, receivers, rules: RULES })], client: false });
  await untilTold(up, "firing thing");
  says.now = [];
  await untilTold(up, "firing thing", "resolved thing");
  expect(report(host.host)).toMatchObject({ receivers: { up: { sent: expect.any(Number) }, down: { sent: 0 } } });
});
