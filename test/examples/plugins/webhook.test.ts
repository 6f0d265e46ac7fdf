import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { definePlugin } from "mcp-host";
import { createTestHost, FakeClock, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import webhook from "../../../examples/plugins/webhook.ts";

testPlugin(webhook, {
  test,
  module: new URL("../../../examples/plugins/webhook.ts", import.meta.url),
  options: { url: "http://127.0.0.1:9/", tools: ["nothing"] },
  badOptions: [
    { options: { url: "ftp://example.com" }, place: "plugins[0].options.url", hint: "URL" },
    { options: { url: "http://127.0.0.1:9/", secret: "short" }, place: "plugins[0].options.secret", hint: ">=16" },
  ],
});

interface Post {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver that answers when it is told to. */
async function receiver() {
  const posts: Post[] = [];
  let answer: (done: (status: number) => void) => void = (done) => done(204);
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    posts.push({ headers: request.headers, body });
    answer((status) => response.writeHead(status).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, // it listens
    posts,
    events: () => posts.flatMap(({ body }) => (JSON.parse(body) as { events: Record<string, unknown>[] }).events),
    answering: (how: typeof answer) => {
      answer = how;
    },
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const SECRET = "a secret of the receiver's";
const server = () => fakeUpstream({ tools: { read: () => "", write: () => Promise.reject(new Error("full")) } });
const dropped = (counts: Map<string, number>) =>
  definePlugin({
    name: "figures",
    host: "^1.0.0",
    apply(host) {
      host.operator.report(() => {
        for (const { name, readings } of host.meter.instruments())
          if (name === "webhook.dropped") for (const { labels, value } of readings()) counts.set(labels.join(), value);
        return {};
      });
    },
  })();

test("calls of tools are told, signed, in order, without what is in them", async () => {
  using hook = await receiver();
  const clock = new FakeClock(Date.parse("2026-01-05T12:00:00Z"));
  await using host = await createTestHost({
    plugins: [webhook({ url: hook.url, secret: SECRET, tools: ["read", "write"] })],
    upstreams: { files: server() },
    clock,
  });
  await host.client.callTool("read", { path: "private" });
  await host.client.callTool("write");
  await host.client.listTools();
  await host.client.callTool("invented").catch(() => undefined);
  await expect.poll(() => hook.events()).toHaveLength(2);
  const common = { id: expect.any(String), time: "2026-01-05T12:00:00.000Z", who: "local", server: "files", ms: expect.any(Number) };
  expect(hook.events()).toEqual([
    { ...common, tool: "read", outcome: "ok" },
    { ...common, tool: "write", outcome: "tool error" },
  ]);
  for (const { body, headers } of hook.posts)
    expect(headers["x-signature"]).toBe(`sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`);
});

test("while the receiver is slow, some wait, and what comes then is dropped and counted", async () => {
  using hook = await receiver();
  const counts = new Map<string, number>();
  await using host = await createTestHost({
    plugins: [webhook({ url: hook.url, most: 3 }), dropped(counts)],
    upstreams: { files: server() },
  });
  let go: (status: number) => void = () => {};
  hook.answering((done) => {
    go = done;
  });
  for (let call = 0; call < 8; call++) {
    await host.client.callTool("read");
    if (call === 0) await expect.poll(() => hook.posts).toHaveLength(1);
  }
  hook.answering((done) => done(204));
  go(204);
  await expect.poll(() => hook.events()).toHaveLength(4); // one on its way, three that waited
  host.host.reports();
  expect(counts).toEqual(new Map([["full", 4]]));
  await host.client.callTool("read");
  await expect.poll(() => hook.events()).toHaveLength(5);
});

test("a POST that fails is tried once more, then its events are dropped; closing sends what waits", async () => {
  using hook = await receiver();
  const counts = new Map<string, number>();
  const plugins = [webhook({ url: hook.url, pause: 0 }), dropped(counts)];
  await using host = await createTestHost({ plugins, upstreams: { files: server() } });
  const statuses = [500, 204, 500, 500];
  hook.answering((done) => done(statuses.shift() ?? 204));
  await host.client.callTool("read");
  await expect.poll(() => hook.posts).toHaveLength(2);
  expect(hook.posts[1]).toMatchObject({ body: hook.posts[0]?.body });
  await host.client.callTool("write");
  await expect
    .poll(() => {
      host.host.reports(); // which looks at the counts
      return counts.get("failed");
    })
    .toBe(1);
  expect(host.log).toContainEqual(expect.objectContaining({ message: "events were dropped, since the webhook fails", events: 1 }));
  await host.client.callTool("read");
  await host.close();
  expect(hook.events().at(-1)).toMatchObject({ tool: "read" });
});
