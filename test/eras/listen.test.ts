import { definePlugin } from "mcp-host";
import { describe, expect, test } from "vitest";
import { httpProcess, startHost, upstream } from "../harness/hosts.ts";
import { type ModernAnswer, ModernHttp } from "../harness/modern-client.ts";
import { RawHttp } from "../harness/raw-http.ts";

const KEY = "io.modelcontextprotocol/";
const SUBSCRIPTION = `${KEY}subscriptionId`;
const both = { protocols: ["legacy" as const, "modern" as const] };
const URI = "test://upstream/text";
const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";

/** Takes whom the client says it is for granted. */
const headerAuth = definePlugin({
  name: "header-auth",
  host: "^1.0.0",
  apply({ hooks }) {
    hooks.authenticate.tap("header-auth", ({ headers }) => ({ id: String(headers["x-user"]), roles: [] }));
  },
});

/** A subscription, once it is acknowledged. */
async function subscribe(client: ModernHttp, notifications: Record<string, unknown>, id: string | number) {
  const opened = client.open("subscriptions/listen", { notifications }, { id });
  const ended = opened.answer.catch((): ModernAnswer | undefined => undefined); // hung up
  await expect.poll(() => opened.messages.length).toBeGreaterThan(0);
  return { ...opened, ended };
}

describe("subscriptions/listen", () => {
  test.each([1, "1", "a"])("is acknowledged first, and everything on it has its id (%j)", async (id) => {
    // With two servers nobody knows whose a resource is that none lists.
    const servers = { one: upstream(), two: upstream({ name: "two", prefix: "two_" }) };
    await using running = await startHost({ mcpServers: servers, listen: both });
    const client = new ModernHttp(running.url);
    const wanted = { toolsListChanged: true, resourceSubscriptions: [URI, "test://nobody/has"] };
    const { messages, close } = await subscribe(client, wanted, id);
    expect(messages[0]).toEqual({
      jsonrpc: "2.0",
      method: ACKNOWLEDGED,
      params: { notifications: { toolsListChanged: true, resourceSubscriptions: [URI] }, _meta: { [SUBSCRIPTION]: id } },
    });
    await client.call("touch");
    await expect
      .poll(() => messages[1])
      .toMatchObject({ method: "notifications/resources/updated", params: { uri: URI, _meta: { [SUBSCRIPTION]: id } } });
    await client.call("change", { kinds: ["tools", "prompts"] });
    await expect
      .poll(() => messages[2])
      .toEqual({
        jsonrpc: "2.0",
        method: "notifications/tools/list_changed",
        params: { _meta: { [SUBSCRIPTION]: id } },
      });
    close();
    await expect.poll(() => running.host.status().inFlight).toBe(0);
    expect(messages).toHaveLength(3);
  });

  test("the server hears of the first that wants a resource, and when the last is gone", async () => {
    const process = await httpProcess("upstream", ["http"]);
    await using running = await startHost({ mcpServers: { one: { url: process.url } }, listen: both });
    const client = new ModernHttp(running.url);
    const subscribed = async (): Promise<string[]> => (await client.call("subscriptions")).result.structuredContent.uris;
    const wanted = { resourceSubscriptions: [URI] };
    const [first, second] = [await subscribe(client, wanted, 1), await subscribe(client, wanted, 2)];
    expect(await subscribed()).toEqual([URI]);
    first.close();
    await client.call("touch");
    await expect.poll(() => second.messages[1]).toMatchObject({ params: { uri: URI, _meta: { [SUBSCRIPTION]: 2 } } });
    expect(await subscribed()).toEqual([URI]);
    second.close();
    await expect.poll(subscribed).toEqual([]);
    await process.stop();
  });

  test.each([
    ["nothing to listen to", undefined],
    ["URIs that are none", { resourceSubscriptions: [1] }],
    ["too many URIs", { resourceSubscriptions: Array.from({ length: 1_001 }, (_, n) => `test://${n}`) }],
  ])("%s is an error", async (_, notifications) => {
    await using running = await startHost({ mcpServers: { one: upstream() }, listen: both });
    const { error } = await new ModernHttp(running.url).ask("subscriptions/listen", { notifications });
    expect(error).toMatchObject({ code: -32602 });
  });

  test("one client has at most limits.listeners", async () => {
    await using running = await startHost({ mcpServers: { one: upstream() }, listen: both, limits: { listeners: 1 } });
    const client = new ModernHttp(running.url);
    const { close } = await subscribe(client, { toolsListChanged: true }, 1);
    const { error } = await client.ask("subscriptions/listen", { notifications: { toolsListChanged: true } });
    expect(error).toMatchObject({ data: { type: "overloaded" } });
    close();
  });

  test("it outlives a reload, and tells what the reload changed", async () => {
    const servers = { one: upstream() };
    await using running = await startHost({ mcpServers: servers, listen: both });
    const client = new ModernHttp(running.url);
    const { messages, close } = await subscribe(client, { toolsListChanged: true, resourceSubscriptions: [URI] }, 1);
    const more = { ...servers, two: upstream({ name: "two", prefix: "two_" }) };
    await running.host.reload({ mcpServers: more, listen: { port: 0, ...both } });
    await expect.poll(() => messages[1]).toMatchObject({ method: "notifications/tools/list_changed" });
    await client.call("touch");
    await expect.poll(() => messages[2]).toMatchObject({ method: "notifications/resources/updated" });
    close();
  });

  test("a host that stops answers it", async () => {
    const running = await startHost({ mcpServers: { one: upstream() }, listen: both });
    const { ended } = await subscribe(new ModernHttp(running.url), { toolsListChanged: true }, "mine");
    await running.host.close();
    const answer = await ended;
    expect(answer?.messages.at(-1)).toMatchObject({ id: "mine", result: { resultType: "complete", _meta: { [SUBSCRIPTION]: "mine" } } });
  });
});

describe("clients of the modern era are kept apart", () => {
  test("by principal: lists, progress, logs and updates reach those alone whom they concern", async () => {
    const process = await httpProcess("upstream", ["http"]);
    await using running = await startHost({
      mcpServers: { one: { url: process.url } },
      listen: both,
      plugins: [headerAuth()],
    });
    const [alice, bob] = ["alice", "bob"].map((user) => new ModernHttp(running.url, { "x-user": user })) as [ModernHttp, ModernHttp];
    const [hers, his] = [
      await subscribe(alice, { resourceSubscriptions: [URI], toolsListChanged: true }, 1),
      await subscribe(bob, { toolsListChanged: true }, 1),
    ];
    const calls = [alice, bob].map((client, n) =>
      Promise.all(
        Array.from({ length: 50 }, async (_, call) => {
          const who = `${n}/${call}`;
          const args = { who, text: who, steps: 2, delayMs: 10 };
          const meta = { progressToken: 1, [`${KEY}logLevel`]: "info" };
          const { messages } = await client.send("tools/call", { name: "echo", arguments: args }, { id: 1, meta });
          const texts = messages.flatMap(({ method, params }) => (method ? [params.message ?? params.data.text] : []));
          expect(texts).toEqual([who, who, who, who]);
          expect(messages.at(-1)).toMatchObject({ id: 1, result: { structuredContent: { arguments: { who } } } });
        }),
      ),
    );
    await Promise.all(calls);
    await bob.call("touch");
    await expect.poll(() => hers.messages[1]).toMatchObject({ method: "notifications/resources/updated" });
    await alice.call("change", { kinds: ["tools"] });
    await expect.poll(() => [hers.messages.length, his.messages.length]).toEqual([3, 2]);
    expect(his.messages.map(({ method }) => method)).toEqual([ACKNOWLEDGED, "notifications/tools/list_changed"]);
    hers.close();
    his.close();
    await process.stop();
  });

  test("anonymous ones have a connection for each request to a server that keeps its clients apart", async () => {
    await using running = await startHost({ mcpServers: { one: { ...upstream(), isolation: "session" } }, listen: both });
    const client = new ModernHttp(running.url);
    const processes = await Promise.all(
      Array.from({ length: 3 }, async () => (await client.call("echo")).result.structuredContent.payload.split("/")[1]),
    );
    expect(processes).toHaveLength(3);
    await expect.poll(() => running.host.status().upstreams[0]?.connections).toEqual([]);
  });

  test("a client of the legacy era beside them is asked as ever", async () => {
    const process = await httpProcess("upstream", ["http"]);
    await using running = await startHost({ mcpServers: { one: { url: process.url } }, listen: both });
    const { result } = await new ModernHttp(running.url).call("elicit");
    expect(result.structuredContent.error).toMatchObject({ code: -32601 });
    const legacy = await RawHttp.open(running.url, { capabilities: { elicitation: {} } });
    const params = { name: "elicit", arguments: { cancelMs: 50 } };
    const asked = await legacy.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
    expect(asked.messages[0]).toMatchObject({ method: "elicitation/create" });
    await legacy.close();
    await process.stop();
  });

  test("what is kept for one that does not come any more goes when there is no room", async () => {
    await using running = await startHost({
      mcpServers: { one: upstream() },
      listen: both,
      plugins: [headerAuth()],
      limits: { callers: 3 },
    });
    for (let n = 0; n < 20; n++) {
      const { result } = await new ModernHttp(running.url, { "x-user": `user ${n}` }).call("echo", { n });
      expect(result.structuredContent.arguments).toEqual({ n });
    }
    expect(running.host.status().upstreams[0]?.connections).toHaveLength(1);
  });
});
