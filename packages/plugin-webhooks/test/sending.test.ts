import { createHmac } from "node:crypto";
import { createServer } from "node:net";
import { webhooks } from "@host/plugin-webhooks";
import { FakeClock } from "mcp-host/testing";
import { expect, test } from "vitest";
import { hooked, type Received, receiver, until, VALID } from "./receiver.ts";

/** As the page has it, and as any library for Standard Webhooks does. */
function signatureOf({ headers, text }: Received, key: Buffer | string): string {
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${text}`;
  return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
}

test("requests are signed with each of the secrets, over id, time and body", async () => {
  const bytes = Buffer.from("0123456789abcdef0123456789abcdef");
  await using hook = await receiver();
  const clock = new FakeClock(1_800_000_000_500);
  await using host = await hooked(
    [
      { url: hook.url, at: "permit", secret: ["an old secret of ours", `whsec_${bytes.toString("base64")}`] },
      { url: hook.url, at: "permit" },
    ],
    { clock },
  );
  await host.client.callTool("add", { a: 1 });
  const [signed, plain] = hook.received as [Received, Received];
  expect(signed.headers).toMatchObject({
    "content-type": "application/json",
    accept: "application/json",
    "webhook-id": expect.stringMatching(/^[\da-f-]{36}$/),
    "webhook-timestamp": "1800000000",
    "webhook-signature": `${signatureOf(signed, "an old secret of ours")} ${signatureOf(signed, bytes)}`,
  });
  expect(plain.headers["webhook-id"]).not.toBe(signed.headers["webhook-id"]);
  expect(plain.headers).not.toHaveProperty("webhook-signature");
});

test("connections are kept for the next question, at most so many at once", async () => {
  let open = 0;
  let most = 0;
  await using hook = await receiver(async () => {
    most = Math.max(most, ++open);
    await new Promise(setImmediate);
    open--;
    return VALID;
  });
  await using host = await hooked([{ url: hook.url, at: "permit", connections: 3 }]);
  for (let call = 0; call < 10; call++) await host.client.callTool("add");
  // A connection may not be free again yet when the next question comes.
  expect(hook.counts.connections).toBeLessThanOrEqual(2);
  await Promise.all(Array.from({ length: 40 }, () => host.client.callTool("add")));
  expect(hook.received).toHaveLength(50);
  expect(hook.counts.connections).toBeLessThanOrEqual(3);
  expect(most).toBeLessThanOrEqual(3);
});

test("headers go with every question", async () => {
  await using hook = await receiver();
  await using host = await hooked([
    { url: hook.url, at: "permit", headers: { authorization: "Bearer hook-credentials", "x-team": "blue" } },
  ]);
  await host.client.callTool("add", { note: "uses hook-credentials" });
  expect(hook.received[0]?.headers).toMatchObject({ authorization: "Bearer hook-credentials", "x-team": "blue" });
  expect(hook.received[0]?.text, "which are secrets from then on").not.toContain("hook-credentials");
});

test("a connection that breaks before an answer is tried again with the same id, as often as it may be", async () => {
  let left = 2;
  await using hook = await receiver((_question, _response, request) => (left-- > 0 ? void request.socket.destroy() : VALID));
  await using host = await hooked([{ url: hook.url, at: "permit", retries: 2 }]);
  await host.client.callTool("add");
  expect(hook.received).toHaveLength(3);
  expect(new Set(hook.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(host.report()[0]).toMatchObject({ requests: 3, allowed: 1, failed: 0 });
  left = 3;
  await expect(host.client.callTool("add")).rejects.toMatchObject({ message: expect.stringContaining("it cannot be reached") });
  expect(hook.received).toHaveLength(6);
});

test("a refused connection is tried again", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await new Promise((listening) => closed.once("listening", listening));
  const { port } = closed.address() as { port: number };
  await new Promise((done) => closed.close(done));
  await using host = await hooked([{ url: `http://127.0.0.1:${port}/`, at: "permit", retries: 1 }]);
  await expect(host.client.callTool("add")).rejects.toMatchObject({
    message: expect.stringContaining("it cannot be reached (ECONNREFUSED)"),
  });
  expect(host.report()[0]).toMatchObject({ requests: 2, failed: 1 });
});

test("503 with Retry-After is tried again where there is time, and nothing else is", async () => {
  const answers: ([number, Record<string, string>] | undefined)[] = [
    [503, { "retry-after": "0" }],
    undefined,
    [503, { "retry-after": "3600" }],
    [503, {}],
    [429, { "retry-after": "0" }],
  ];
  await using hook = await receiver((_, response) => {
    const next = answers.shift();
    if (!next) return VALID;
    return void response.writeHead(...next).end();
  });
  await using host = await hooked([{ url: hook.url, at: "permit", retries: 3 }]);
  await host.client.callTool("add");
  expect(hook.received).toHaveLength(2);
  for (const status of [503, 503, 429])
    await expect(host.client.callTool("add")).rejects.toMatchObject({ message: expect.stringContaining(`HTTP ${status}`) });
  expect(hook.received).toHaveLength(5);
  await host.client.callTool("add");
});

test("with retries 0 nothing is tried again", async () => {
  await using hook = await receiver((_question, _response, request) => void request.socket.destroy());
  await using host = await hooked([{ url: hook.url, at: "permit", retries: 0 }]);
  await expect(host.client.callTool("add")).rejects.toThrow();
  expect(hook.received).toHaveLength(1);
});

test("a hook that fails again and again is left alone for a while, and then one question tries it", async () => {
  const clock = new FakeClock();
  let isBroken = true;
  await using hook = await receiver((_, response) => (isBroken ? void response.writeHead(500).end() : VALID));
  await using host = await hooked([{ url: hook.url, at: "permit", circuit: { failures: 3, openFor: "10s" } }], { clock });
  const call = () => host.client.callTool("add");
  for (let time = 0; time < 3; time++) await expect(call()).rejects.toMatchObject({ message: expect.stringContaining("HTTP 500") });
  expect(host.report()[0]).toMatchObject({ circuit: "open" });
  await expect(call()).rejects.toMatchObject({ message: expect.stringContaining("it failed too often and is left alone") });
  expect(hook.received).toHaveLength(3);
  await clock.advance(10_000);
  const both = await Promise.allSettled([call(), call()]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(hook.received, "one of them tried").toHaveLength(4);
  await clock.advance(10_000);
  isBroken = false;
  await call();
  expect(host.report()[0]).toMatchObject({ circuit: "closed" });
  await call();
  expect(hook.received).toHaveLength(6);
  expect(host.lines("a hook failed too often and is left alone for a while")).toHaveLength(1);
  expect(host.lines("a hook is asked again")).toHaveLength(1);
});

test("a verdict in between counts anew, and without a circuit nobody is left alone", async () => {
  let time = 0;
  await using hook = await receiver((_, response) => (++time % 2 === 0 ? VALID : void response.writeHead(500).end()));
  await using broken = await receiver((_, response) => void response.writeHead(500).end());
  await using host = await hooked([
    { url: hook.url, at: "permit", match: { tools: ["add"] }, circuit: { failures: 2 }, onFailure: "open" },
    { url: broken.url, at: "permit", match: { tools: ["drop"] }, circuit: false, onFailure: "open" },
  ]);
  for (let call = 0; call < 8; call++) await host.client.callTool("add");
  for (let call = 0; call < 8; call++) await host.client.callTool("drop");
  expect([hook.received.length, broken.received.length]).toEqual([8, 8]);
});

test("a client that goes away takes its question with it", async () => {
  await using hook = await receiver(() => undefined);
  await using host = await hooked([
    { url: hook.url, at: "permit", match: { tools: ["add"] } },
    { url: hook.url, at: "respond", match: { tools: ["drop"] } },
  ]);
  const given = ["add", "drop"].map((name) => {
    const stop = new AbortController();
    return { stop, call: host.client.request("tools/call", { name, arguments: {} }, { signal: stop.signal }) };
  });
  await until(() => expect(hook.received).toHaveLength(2));
  for (const { stop } of given) stop.abort();
  await Promise.allSettled(given.map(({ call }) => call));
  await until(() => expect(hook.counts.aborted).toBe(2));
  await until(() =>
    expect(host.report()).toMatchObject([
      { asking: 0, failed: 0 },
      { asking: 0, failed: 0 },
    ]),
  );
  const calls = host.settled.flatMap(({ method, outcome }, at) =>
    method === "tools/call" ? [[Object.keys(outcome ?? {}), host.decided[at]]] : [],
  );
  expect(calls).toEqual([
    [["cancelled"], []],
    [["cancelled"], []],
  ]);
  expect(host.host.log.filter(({ level }) => level === "error" || level === "warn")).toEqual([]);
  expect(host.up.received("tools/call").map(({ name }) => name)).toEqual(["drop"]);
});

test("a reload that changes hooks leaves questions under way to those that were asked", async () => {
  let go = (): void => {};
  await using hook = await receiver(async () => {
    await new Promise<void>((answer) => {
      go = answer;
    });
    return { modified: true, patch: [{ op: "add", path: "/arguments/by", value: "old" }] };
  });
  await using other = await receiver(() => ({ modified: true, patch: [{ op: "add", path: "/arguments/by", value: "new" }] }));
  await using host = await hooked([{ url: hook.url, at: "transform" }]);
  const call = host.client.callTool("add");
  await until(() => expect(hook.received).toHaveLength(1));
  await host.host.host.reload({
    mcpServers: { up: { transport: host.up.transport } },
    plugins: [webhooks({ hooks: [{ name: "hook0", url: other.url, at: "transform" }] })],
  });
  expect(await host.client.callTool("add")).toMatchObject({ content: [{ text: '{"by":"new"}' }] });
  go();
  expect(await call).toMatchObject({ content: [{ text: '{"by":"old"}' }] });
});

test("a host that stops waits for no hook", async () => {
  await using hook = await receiver(() => undefined);
  const host = await hooked([
    { url: hook.url, at: "permit", match: { tools: ["add"] } },
    { url: hook.url, at: "permit", match: { tools: ["drop"] }, mode: "observe" },
  ]);
  const call = host.client.callTool("add").catch((error) => error);
  await host.client.callTool("drop");
  await until(() => expect(hook.received).toHaveLength(2));
  await host[Symbol.asyncDispose]();
  await call;
  await until(() => expect(hook.counts.aborted).toBe(2));
});
