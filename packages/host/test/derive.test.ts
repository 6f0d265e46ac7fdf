import { expect, test } from "vitest";
import { HostError } from "../dist/errors.js";
import type { Caller } from "../dist/exchange/caller.js";
import { HostExchange } from "../dist/exchange/host-exchange.js";
import type { Message } from "../dist/wire/message.js";

function exchange(): { parent: HostExchange; told: Message[] } {
  const told: Message[] = [];
  const client = { info: {}, version: "", logLevel: undefined };
  const session: Caller = {
    id: "s",
    principal: { id: "ada", roles: [] },
    capabilities: {},
    endpoint: undefined,
    client,
    network: true,
    sole: false,
  };
  const parent = new HostExchange({
    method: "tools/call",
    params: { name: "x" },
    caller: session,
    sink: { send: (message) => told.push(message) > 0 },
  });
  return { parent, told };
}

const news = { jsonrpc: "2.0", method: "notifications/progress" } as const;

test("a detached child has no sink, and what becomes of it does not show on its parent", () => {
  const { parent } = exchange();
  const child = parent.derive();
  expect(child.sink).toBeUndefined();
  child.sent = "yes";
  child.timings.sent = 1;
  expect([parent.sent, parent.timings.sent]).toEqual(["no", undefined]);
});

test("an attached child speaks to its parent's client while that one waits, and its parent knows how far it was sent", () => {
  const { parent, told } = exchange();
  const child = parent.derive({ attached: true });
  expect(child.sink?.send(news)).toBe(true);
  child.sent = "unknown";
  child.timings.sent = 1;
  expect([parent.sent, parent.timings.sent]).toEqual(["unknown", 1]);
  parent.outcome = { cancelled: "gone" };
  expect(child.sink?.send(news)).toBe(false);
  expect(told).toHaveLength(1);
});

test("signs of life and questions of an attached child count for its parent", () => {
  const { parent } = exchange();
  const child = parent.derive({ attached: true });
  parent.timeLimits = { timeout: 100, maxTimeout: 10_000 };
  const start = performance.now();
  child.pause();
  expect(parent.check(start + 5_000)).toBeGreaterThan(start + 5_000);
  child.resume();
  expect(parent.check(performance.now() + 50)).toBeDefined();
  expect(parent.stopped).toBeUndefined();
  expect(parent.check(performance.now() + 200)).toBeUndefined();
  expect(parent.stopped?.type).toBe("upstream_timeout");
});

test("neither is cancelled with its parent", () => {
  const { parent } = exchange();
  const children = [parent.derive(), parent.derive({ attached: true })];
  parent.cancel(new HostError("cancelled", "gone"));
  expect(children.map(({ stopped }) => stopped)).toEqual([undefined, undefined]);
});

test("an exchange goes on under another request of its client's: what comes from then on is for that one", () => {
  const { parent, told } = exchange();
  const later: Message[] = [];
  const reply = { send: (message: Message) => later.push(message) > 0, answer: () => undefined, end() {} };
  const client = { info: { name: "again" }, version: "2025-11-25", logLevel: "debug" };
  parent.sink?.send(news);
  const child = parent.derive({ attached: true });
  parent.reattach(reply, "second", client);
  child.sink?.send(news);
  expect([parent.wireId, parent.client, told.length, later.length]).toEqual(["second", client, 1, 1]);
});
