import { type CacheOptions, cache } from "@host/plugin-cache";
import { namespace } from "@host/plugin-namespace";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { describe, expect, test, vi } from "vitest";
import { home, run, start } from "../harness/cli.ts";
import { startHost, upstream } from "../harness/hosts.ts";
import { twoServers } from "../harness/two-servers.ts";
import { bearer, WireClient } from "../harness/wire.ts";

const { servers, serve: serveWith } = twoServers();
const serve = (way: "http" | "stdio", options: CacheOptions) => serveWith(way, ["@host/plugin-namespace", ["@host/plugin-cache", options]]);

/** The payload of a call of `echo`, which no other call gets. */
async function payload(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
  const { structuredContent } = await client.callTool({ name, arguments: args });
  return (structuredContent as { payload: string }).payload;
}

describe.each(["http", "stdio"] as const)("a client over %s", (way) => {
  test("gets kept results of tools, resources, prompts and completions of upstreams over stdio and HTTP", async () => {
    await using served = await serve(way, { tools: ["one__echo"], trust: ["two"] });
    const { client } = served;
    for (const key of ["one", "two"]) {
      const first = await payload(client, `${key}__echo`, { a: 1, b: 2 });
      expect(await payload(client, `${key}__echo`, { b: 2, a: 1 })).toBe(first);
      expect(await payload(client, `${key}__echo`, { a: 2 })).not.toBe(first);

      const asks = [
        () => client.readResource({ uri: `test://${key}/text` }),
        () => client.getPrompt({ name: `${key}__greet`, arguments: { name: way } }),
        () => client.complete({ ref: { type: "ref/prompt", name: `${key}__greet` }, argument: { name: "name", value: way } }),
      ];
      for (const ask of asks) expect(await ask()).toEqual(await ask());
    }
    const { structuredContent } = await client.callTool({ name: "one__received", arguments: { all: true } });
    const { received } = structuredContent as { received: { method: string; params: Record<string, unknown> }[] };
    const count = (method: string) => received.filter((each) => each.method === method && each.params.name !== "received").length;
    expect(["tools/call", "resources/read", "prompts/get", "completion/complete"].map(count)).toEqual([2, 1, 1, 1]);
  });

  test("gets new results once the upstream said that something changed, or a rule did", async () => {
    await using served = await serve(way, { tools: ["*__echo"], invalidate: [{ call: "*__level", drop: "*__echo" }] });
    const { client } = served;
    for (const key of ["one", "two"]) {
      const text = async () => (await client.readResource({ uri: `test://${key}/text` })).contents[0];
      const first = await payload(client, `${key}__echo`, { x: way });
      await client.callTool({ name: `${key}__level` });
      const second = await payload(client, `${key}__echo`, { x: way });
      expect(second).not.toBe(first);
      await client.callTool({ name: `${key}__change`, arguments: { action: "none", kinds: ["tools"] } });
      await vi.waitFor(async () => expect(await payload(client, `${key}__echo`, { x: way })).not.toBe(second));

      const before = await text();
      await client.callTool({ name: `${key}__touch`, arguments: { uri: `test://${key}/text`, force: true } });
      await vi.waitFor(async () => expect(await text()).not.toEqual(before));
    }
  });
});

test("principals never see each other's results, also when they ask at once; the same one does in every session", async () => {
  await using running = await startHost({ mcpServers: servers(), plugins: [bearer(), namespace(), cache({ tools: "*__echo" })] });
  const as = (name: string) => WireClient.connect(running.url, { headers: { authorization: `Bearer ${name}` } });
  const clients = await Promise.all(["ada", "ada", "bob"].map(as));
  for (const tool of ["one__echo", "two__echo"]) {
    const together = (await Promise.all(clients.map((client) => client.call(tool, { delayMs: 20 })))).map((result) => result.payload);
    expect(together[0]).toBe(together[1]);
    expect(together[2]).not.toBe(together[0]);
    const again = (await Promise.all(clients.map((client) => client.call(tool, { delayMs: 20 })))).map((result) => result.payload);
    expect(again).toEqual(together);
  }
  // Of two at once the second joins the first, or finds its result if that was quicker.
  const { misses, joined, hits } = running.host.reports().cache as Record<string, number>;
  expect([misses, (joined ?? 0) + (hits ?? 0)]).toEqual([4, 8]);
});

test("what a process gave is not given after it died", async () => {
  await using running = await startHost({
    mcpServers: { one: upstream({ name: "one" }) },
    plugins: [cache({ tools: ["echo", "environment"] })],
  });
  const client = await WireClient.connect(running.url);
  const { pid } = (await client.call("environment")) as { pid: number };
  const first = (await client.call("echo")).payload;
  expect((await client.call("echo")).payload).toBe(first);
  process.kill(pid, "SIGKILL");
  await vi.waitFor(async () => expect((await client.call("environment")).pid).not.toBe(pid), { interval: 50 });
  expect((await client.call("echo")).payload).not.toBe(first);
});

test("progress reaches the first of equal calls, over HTTP, and a call that goes away leaves the other its answer", async () => {
  await using running = await startHost({
    mcpServers: { two: { url: servers().two.url } },
    plugins: [bearer(), cache({ tools: ["slow", "progress"] })],
  });
  const as = (name: string) => WireClient.connect(running.url, { headers: { authorization: `Bearer ${name}` } });
  const [one, other] = await Promise.all([as("ada"), as("ada")]);
  const { messages } = await one.request("tools/call", { name: "progress", arguments: { steps: 2 }, _meta: { progressToken: "p" } });
  expect(messages.map(({ method, params }) => [method, params?.progressToken])).toEqual([
    ["notifications/progress", "p"],
    ["notifications/progress", "p"],
    [undefined, undefined],
  ]);

  const cancelled = async () => ((await other.call("cancelled", { all: true })) as { cancelled: unknown[] }).cancelled.length;
  const before = await cancelled();
  const leaving = one.open({ body: one.body("tools/call", { name: "slow", arguments: { ms: 1_000 } }, 77) });
  await vi.waitFor(() => expect(running.host.reports().cache).toMatchObject({ misses: 2 }));
  const waiting = other.call("slow", { ms: 1_000 });
  await vi.waitFor(() => expect(running.host.reports().cache).toMatchObject({ joined: 1 }));
  await one.notify("notifications/cancelled", { requestId: 77 });
  expect(await waiting).toEqual({ waited: 1_000 });
  expect(await cancelled()).toBe(before);
  await leaving;
});

test("an operator sees and clears the cache of a running host", async () => {
  const plugins = [["@host/plugin-cache", { tools: ["echo"] }]];
  using at = home({ mcpServers: { one: upstream({ name: "one", only: ["echo"] }) }, plugins });
  const running = start(at, ["start", "--port", "0", "--log-format", "json"]);
  await using _ = running;
  const url = await vi.waitFor(() => {
    const [, found] = /"url":"([^"]+)"/.exec(running.stderr()) ?? [];
    if (!found) throw new Error("not yet");
    return new URL(found);
  });
  const client = await WireClient.connect(url);
  const first = (await client.call("echo")).payload;
  await client.call("echo");
  const stats = await run(at, ["cache", "stats"]);
  expect(stats).toMatchObject({ code: 0, stderr: "" });
  expect(stats.stdout).toMatch(/^UPSTREAM +HITS +MISSES/);
  expect(stats.stdout).toMatch(/^one +1 +1 +0 +50\.0 % /m);
  expect(JSON.parse((await run(at, ["cache", "stats", "--json"])).stdout)).toMatchObject({ hits: 1, upstreams: { one: { entries: 1 } } });
  expect(await run(at, ["cache", "clear", "nothing*"])).toMatchObject({ code: 0, stdout: "0 results dropped\n" });
  const config = `${at.path}/mcp-host.config.json`;
  expect(await run(at, ["cache", "clear", "ec*", "--config", config, "--pid", String(running.child.pid)])).toMatchObject({
    code: 0,
    stdout: "1 result dropped\n",
  });
  expect((await client.call("echo")).payload).not.toBe(first);
  expect(JSON.parse((await run(at, ["cache", "clear", "*", "--json"])).stdout)).toEqual({ dropped: 1 });

  expect(await run(at, ["cache", "clear"])).toMatchObject({ code: 2, stderr: expect.stringContaining("needs <pattern>") });
  expect(await run(at, ["cache", "clear", "*", "--pid", "x"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("not a process id"),
  });
  expect(await run(at, ["cache", "stats", "--pid", "1"])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining("no host of this user"),
  });
  expect(await run(at, ["cache", "claer"])).toMatchObject({ code: 2, stderr: expect.stringContaining("clear") });
});
