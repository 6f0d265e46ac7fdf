import { FakeClock } from "mcp-host/testing";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { startHost, temporary } from "../harness/hosts.ts";
import { ModernHttp } from "../harness/modern-client.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { type Answering, DISCOVERED, OK, ready, type ScriptedModern, scriptedModern, TOOLS } from "../harness/scripted-modern.ts";

const HOUR = 3_600_000;
const INITIALIZED = { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "old", version: "1" } };
const UNKNOWN = { code: -32601, message: "Method not found" };

const isModern = ({ params }: Message): boolean => params?._meta?.["io.modelcontextprotocol/protocolVersion"] !== undefined;

/** What a server says to a request of the modern era that it does not speak. */
type Refusing = (message: Message, response: Parameters<Answering>[1]) => Message | undefined;

const page: Refusing = (_message, response) => void response.writeHead(404, { "content-type": "text/html" }).end("<html>not here");
const noSession: Refusing = (_message, response) => {
  const error = { code: -32000, message: "Bad Request: Server not initialized" };
  response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id: null, error }));
  return undefined;
};
const noVersion: Refusing = () => ({
  code: -32022,
  message: "Unsupported protocol version",
  data: { supported: [], requested: "2026-07-28" },
});

/** A server that speaks one era at a time, as `speaks` says. */
async function fickle(refuse: Refusing = () => UNKNOWN): Promise<ScriptedModern & { speaks: "legacy" | "modern" }> {
  const inEras =
    (modern: Answering, legacy: Answering): Answering =>
    (message, response, nth) => {
      if (isModern(message)) return server.speaks === "modern" ? modern(message, response, nth) : refuse(message, response);
      return server.speaks === "legacy" ? legacy(message, response, nth) : noVersion(message, response);
    };
  const refused: Answering = () => UNKNOWN;
  const server: ScriptedModern & { speaks: "legacy" | "modern" } = {
    ...(await scriptedModern({
      "server/discover": inEras(() => ({ ...DISCOVERED, capabilities: { tools: {} } }), refused),
      initialize: inEras(refused, () => INITIALIZED),
      "notifications/initialized": (_message, response) => void response.writeHead(202).end(),
      "tools/list": inEras(
        () => TOOLS,
        () => ({ tools: TOOLS.tools }),
      ),
      "tools/call": inEras(
        () => OK,
        () => ({ content: [{ type: "text", text: "old" }] }),
      ),
    })),
    speaks: "modern",
  };
  return server;
}

const textOf = ({ result }: Message): string | undefined => result?.content[0].text;
const count = (server: ScriptedModern, method: string): number => server.methods().filter((each) => each === method).length;

describe("what was found out of a server's era", () => {
  test("is kept for the next host, and asked again after a day where it was the older one", async () => {
    using folder = temporary();
    await using server = await fickle();
    server.speaks = "legacy";
    const clock = new FakeClock(1_000_000);
    const begun = async (): Promise<number[]> => {
      const before = ["server/discover", "initialize"].map((method) => count(server, method));
      await using running = await startHost({ mcpServers: { one: { url: server.url } } }, { clock, catalogFolder: folder.path });
      await ready(running);
      return ["server/discover", "initialize"].map((method, index) => count(server, method) - (before[index] as number));
    };
    expect(await begun()).toEqual([1, 1]);
    await clock.advance(23 * HOUR);
    expect(await begun()).toEqual([0, 1]);
    await clock.advance(2 * HOUR);
    expect(await begun()).toEqual([1, 1]);
    expect(await begun()).toEqual([0, 1]);
    server.speaks = "modern";
    expect(await begun()).toEqual([1, 1]); // what refuses to be initialized is asked at once
    expect(await begun()).toEqual([1, 0]);
  });

  test("is asked again by the next connection of a host that lives for longer, and by a reconnect", async () => {
    await using server = await fickle();
    server.speaks = "legacy";
    const clock = new FakeClock(1_000_000);
    await using running = await startHost({ mcpServers: { one: { url: server.url } } }, { clock });
    await ready(running);
    await running.host.reconnect("one");
    expect(count(server, "server/discover")).toBe(2);
    for (const hours of [23, 2]) {
      await clock.advance(hours * HOUR);
      await RawHttp.open(running.url, { capabilities: hours === 23 ? { roots: {} } : { elicitation: {} } });
      await ready(running);
    }
    expect([count(server, "server/discover"), count(server, "initialize")]).toEqual([3, 4]);
  });

  test("is kept of one that is no older one either: no session tries it again before a day has passed", async () => {
    using folder = temporary();
    await using server = await fickle();
    const clock = new FakeClock(1_000_000);
    const tried = async (): Promise<number> => {
      const before = count(server, "initialize");
      await using running = await startHost({ mcpServers: { one: { url: server.url } } }, { clock, catalogFolder: folder.path });
      const client = await RawHttp.open(running.url);
      expect(textOf(await client.call("ok"))).toBe("ok");
      return count(server, "initialize") - before;
    };
    expect(await tried()).toBe(1);
    expect(await tried()).toBe(0);
    await clock.advance(25 * HOUR);
    expect(await tried()).toBe(1);
  });

  test.each([
    ["a page", page],
    ["that there is no session", noSession],
    ["that it does not know the version", noVersion],
  ])("is doubted where a server answers with %s: it is asked, and the call is sent once more", async (_, refuse) => {
    await using server = await fickle(refuse);
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    const [old, modern] = [await RawHttp.open(running.url), new ModernHttp(running.url)];
    expect([textOf(await old.call("ok")), textOf(await modern.call("ok"))]).toEqual(["ok", "ok"]);
    const before = count(server, "tools/call");
    server.speaks = "legacy";
    const all = await Promise.all([old.call("ok"), modern.call("ok"), modern.call("ok")]);
    expect(all.map(textOf)).toEqual(["old", "old", "old"]);
    expect(count(server, "tools/call") - before).toBeLessThanOrEqual(6);
    expect(running.host.status().upstreams).toMatchObject([{ state: "ready", protocolVersion: "2025-11-25" }]);
    server.speaks = "modern";
    await running.host.reconnect("one");
    expect([textOf(await old.call("ok")), textOf(await modern.call("ok"))]).toEqual(["ok", "ok"]);
  });

  test("stands where it says so: what it refused is told, and all else goes on", async () => {
    const held: (() => void)[] = [];
    const call: Answering = ({ id, params }, response) => {
      if (params.name === "bad") return page({}, response);
      if (params.arguments.hold !== true) return OK;
      held.push(() => response.end(JSON.stringify({ jsonrpc: "2.0", id, result: OK })));
      response.writeHead(200, { "content-type": "application/json" });
      return undefined;
    };
    await using server = await scriptedModern({ "tools/call": call });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    const client = await RawHttp.open(running.url);
    const pending = client.call("ok", { hold: true });
    await vi.waitFor(() => expect(held).toHaveLength(1));
    expect((await client.call("bad")).error).toMatchObject({ data: { type: "upstream_error", sent: "no" } });
    held[0]?.();
    expect(textOf(await pending)).toBe("ok");
    expect(running.host.status().upstreams[0]?.restarts).toBe(0);
    expect(count(server, "server/discover")).toBe(2);
  });

  test("stands where it refuses the version that it says it speaks: that is its fault, and no client hears of it", async () => {
    const call: Answering = (message, response) => (message.params.name === "bad" ? noVersion(message, response) : OK);
    await using server = await scriptedModern({ "tools/call": call });
    await using running = await startHost({ mcpServers: { one: { url: server.url } } });
    await ready(running);
    for (const client of [await RawHttp.open(running.url), new ModernHttp(running.url)]) {
      const { error } = await client.call("bad");
      expect(error).toMatchObject({ code: -31502, data: { type: "upstream_protocol" } });
      expect(JSON.stringify(error)).not.toContain("32022");
      expect(textOf(await client.call("ok"))).toBe("ok");
    }
    expect(running.host.status().upstreams[0]?.restarts).toBe(0);
  });
});

describe("what a server of 2026-07-28 says of itself", () => {
  test("is asked while it is quiet: what is new is listed, and told to who comes later", async () => {
    let discovered: Message = { ...DISCOVERED, instructions: "first" };
    const prompts: Answering = () => ({ prompts: [{ name: "greet" }], resultType: "complete" });
    await using server = await scriptedModern({ "server/discover": () => discovered, "prompts/list": prompts });
    await using running = await startHost({ mcpServers: { one: { url: server.url, healthInterval: 300 } } });
    await ready(running);
    const client = await RawHttp.open(running.url);
    const { messages, close } = await client.listen();
    expect(client.server).toMatchObject({ instructions: "first" });
    discovered = { ...DISCOVERED, capabilities: { ...DISCOVERED.capabilities, prompts: { listChanged: true } }, instructions: "second" };
    await vi.waitFor(() => expect(messages.map(({ method }) => method)).toContain("notifications/prompts/list_changed"));
    expect((await client.ask("prompts/list")).result).toEqual({ prompts: [{ name: "greet" }] });
    expect((await RawHttp.open(running.url)).server).toMatchObject({
      instructions: "second",
      capabilities: { prompts: { listChanged: true } },
    });
    const { result } = await new ModernHttp(running.url).ask("server/discover");
    expect(result).toMatchObject({ instructions: "second", capabilities: { prompts: {} } });
    await vi.waitFor(() =>
      expect(server.listens().at(-1)?.params.notifications).toEqual({ toolsListChanged: true, promptsListChanged: true }),
    );
    const read = count(server, "tools/list");
    const asked = count(server, "server/discover");
    await vi.waitFor(() => expect(count(server, "server/discover")).toBeGreaterThan(asked + 2));
    expect(count(server, "tools/list")).toBe(read); // nothing is new
    close();
  });
});
