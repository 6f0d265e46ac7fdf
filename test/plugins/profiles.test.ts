import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { auth } from "@host/plugin-auth";
import { namespace } from "@host/plugin-namespace";
import { type ProfilesOptions, profiles } from "@host/plugin-profiles";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { type Config, definePlugin } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { RawClient, transportPipe } from "../fidelity/raw.ts";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { home, run } from "../harness/cli.ts";
import { httpTransport, sdkClient, stdioTransport } from "../harness/clients.ts";
import { BIN, startHost, upstream } from "../harness/hosts.ts";
import { KeyedClient } from "../harness/keyed-client.ts";
import { ModernHttp } from "../harness/modern-client.ts";
import { ask, initialize, WireClient } from "../harness/wire.ts";

const OPTIONS: ProfilesOptions = {
  profiles: {
    read: { tools: ["*__echo"], instructions: "Only look." },
    work: { extends: ["read"], servers: ["notes"], tools: ["notes:echo", "notes:slow"], prompts: ["*"], outside: "hide" },
  },
};

const only = ["echo", "slow", "progress"];
const mcpServers = {
  notes: { transport: () => inProcessTransport({ name: "notes", only, instructions: "Notes are short." }) },
  web: { transport: () => inProcessTransport({ name: "web", only, base: "web://" }) },
};

async function connected(url: URL, path: string, headers: Record<string, string> = {}): Promise<ReturnType<typeof sdkClient>> {
  const client = sdkClient();
  await client.connect(httpTransport(new URL(path, url), headers));
  return client;
}

const toolsOf = async (client: ReturnType<typeof sdkClient>): Promise<string[]> =>
  (await client.listTools()).tools.map(({ name }) => name).sort();

describe("over HTTP", () => {
  test("each endpoint has its profile: lists, instructions and what can be called; names are the same everywhere", async () => {
    await using running = await startHost({ mcpServers, plugins: [namespace(), profiles(OPTIONS)] });
    const read = await connected(running.url, "/mcp/p/read");
    expect(await toolsOf(read)).toEqual(["notes__echo", "web__echo"]);
    expect(read.getInstructions()).toBe("Only look.");
    expect((await read.listPrompts()).prompts).toEqual([]);
    expect((await read.listResources()).resources).toEqual([]);
    expect(await read.callTool({ name: "web__echo", arguments: {} })).toMatchObject({ structuredContent: { arguments: {} } });
    await expect(read.callTool({ name: "notes__slow", arguments: { ms: 1 } })).rejects.toThrow("Unknown tool: notes__slow");

    const work = await connected(running.url, "/mcp/p/work");
    expect(await toolsOf(work)).toEqual(["notes__echo", "notes__slow", "web__echo"]);
    expect(work.getInstructions()).toBe("Only look.");
    expect(await work.callTool({ name: "web__slow", arguments: { ms: 1 } })).not.toHaveProperty("isError", true);

    const all = await connected(running.url, "/mcp");
    expect(await toolsOf(all)).toHaveLength(6);
    expect(all.getInstructions()).toBe("## notes\n\nNotes are short.");
    expect((await ask(running.url, { path: "/mcp/p/wrok", body: {} })).status).toBe(404);
    for (const client of [read, work, all]) await client.close();
  });

  test("with an auth plugin, a key's roles say what is at the unnamed endpoint, and who may use an endpoint", async () => {
    const pepper = "a pepper of this test";
    const keyOf = (id: string): string => `mcph_${id}_${"A".repeat(43)}`;
    const keys = Object.entries({ ann: ["reader"], bob: ["writer", "reader"], eve: [] }).map(([id, roles]) => ({
      id,
      digest: createHmac("sha256", pepper).update(keyOf(id)).digest("base64url"),
      roles,
    }));
    const options: ProfilesOptions = {
      default: "nothing",
      profiles: {
        nothing: { servers: [] },
        read: { tools: ["*:echo"], roles: ["reader"] },
        write: { tools: ["notes:*"], roles: ["writer"] },
      },
    };
    await using running = await startHost({
      mcpServers,
      plugins: [
        auth({ apiKeys: { pepper, keys }, rules: [{ deny: { tools: ["notes:progress"] } }], default: "allow" }),
        namespace(),
        profiles(options),
      ],
    });
    const open = async (id: string, path: string): Promise<string[]> => {
      const client = await KeyedClient.open(new URL(path, running.url), keyOf(id));
      const { tools } = await client.request("tools/list", {});
      await client.close();
      return (tools as { name: string }[]).map(({ name }) => name).sort();
    };
    expect(await open("ann", "/mcp")).toEqual(["notes__echo", "web__echo"]);
    expect(await open("bob", "/mcp")).toEqual(["notes__echo", "notes__slow", "web__echo"]);
    expect(await open("eve", "/mcp")).toEqual([]);
    expect(await open("bob", "/mcp/p/write")).toEqual(["notes__echo", "notes__slow"]);
    await expect(open("ann", "/mcp/p/write")).rejects.toThrow('the profile "write" is for roles that you do not have');
    const headers = { authorization: `Bearer ${keyOf("ann")}` };
    const refused = await ask(running.url, { path: "/mcp/p/write", headers, body: initialize() });
    expect(refused.json.error.data.type).toBe("forbidden");
    expect(refused.headers).not.toHaveProperty("mcp-session-id");
  });

  test("a reload brings a profile, changes one and takes one away with its sessions", async () => {
    const listen = { port: 0 };
    const config = (given: ProfilesOptions): Config => ({ listen, mcpServers, plugins: [namespace(), profiles(given)] });
    await using running = await startHost(config(OPTIONS));
    const { url } = running;
    const read = await WireClient.connect(new URL("/mcp/p/read", url));
    const work = await WireClient.connect(new URL("/mcp/p/work", url));
    const more = { read: { tools: ["*__slow"] }, more: { servers: ["web"] } };
    await running.host.reload(config({ profiles: more }));
    const { json } = await read.request("tools/list");
    expect(json.result.tools.map(({ name }: { name: string }) => name)).toEqual(["notes__slow", "web__slow"]);
    expect(await work.request("ping")).toMatchObject({ status: 404 });
    const client = await connected(url, "/mcp/p/more");
    expect(await toolsOf(client)).toEqual(["web__echo", "web__progress", "web__slow"]);
    await client.close();
  });
});

test("a reload tells those whose lists changed, each of the list that did, and nobody else", async () => {
  const files = fakeUpstream({ tools: { read: () => "", write: () => "" }, prompts: { pack: { get: () => "" } } });
  const plugins = (tools: string[]): Config["plugins"] => [
    profiles({ profiles: { changed: { tools, prompts: ["*"] }, same: { tools: ["read"] }, hiding: { tools, outside: "hide" } } }),
  ];
  await using running = await createTestHost({ upstreams: { files }, plugins: plugins(["read"]), client: false });
  const [changed, same, hiding, unnamed] = await Promise.all([
    running.connect({ endpoint: "changed" }),
    running.connect({ endpoint: "same" }),
    running.connect({ endpoint: "hiding" }),
    running.connect(),
  ]);
  for (const client of [changed, same, hiding, unnamed]) expect(await client.listTools()).not.toHaveLength(0);
  await running.host.reload({ drain: 0, mcpServers: { files: { transport: files.transport } }, plugins: plugins(["write"]) });
  await Promise.all([changed, hiding].map((client) => client.until("notifications/tools/list_changed")));
  expect(await changed.listTools()).toMatchObject([{ name: "write" }]);
  expect(await hiding.listTools()).toMatchObject([{ name: "write" }]);
  // All are told in one go, and an answer comes behind what was told before.
  for (const client of [same, unnamed]) await client.request("ping");
  const told = [changed, same, hiding, unnamed].map(({ notifications }) => notifications.map(({ method }) => method));
  expect(told).toEqual([["notifications/tools/list_changed"], [], ["notifications/tools/list_changed"], []]);
});

test("whoever goes on after it was refused a profile finds nothing in it", async () => {
  const plugins = [profiles({ profiles: { work: { roles: ["worker"], outside: "hide" } } })];
  await using running = await startHost({ listen: null, mcpServers, plugins });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await running.host.connect(theirs, { endpoint: "work" });
  const raw = await RawClient.open((deliver) => transportPipe(ours, deliver));
  expect(await raw.initialize()).toBeUndefined();
  await running.host.known(5_000);
  expect((await raw.request("tools/list")).result?.tools ?? []).toEqual([]);
  expect((await raw.call("echo")).error).toMatchObject({ message: expect.stringContaining("Unknown tool") });
  expect((await raw.request("resources/read", { uri: "web://items/1" })).error).toMatchObject({ code: -32002 });
  await raw.pipe.close();
});

test("two copies of the plugin keep to their own endpoints", async () => {
  const files = fakeUpstream({ tools: { read: () => "", write: () => "" } });
  const plugins = [
    { use: profiles({ profiles: { one: { tools: ["read"] } } }), id: "first" },
    { use: profiles({ profiles: { two: { tools: ["write"] } } }), id: "second" },
  ];
  await using running = await createTestHost({ upstreams: { files }, plugins, client: false });
  const names = async (endpoint?: string) =>
    (await (await running.connect(endpoint ? { endpoint } : {})).listTools()).map(({ name }) => name);
  expect(await names("one")).toEqual(["read"]);
  expect(await names("two")).toEqual(["write"]);
  expect(await names()).toEqual(["read", "write"]);
});

test("at an endpoint of another plugin a caller has what it has at the unnamed one", async () => {
  const files = fakeUpstream({ tools: { read: () => "", write: () => "" } });
  const door = definePlugin({ name: "door", host: "^1.0.0", apply: (host) => host.endpoint("door") });
  const plugins = [door(), profiles({ profiles: { read: { tools: ["read"] } }, default: "read" })];
  await using running = await createTestHost({ upstreams: { files }, plugins, client: false });
  expect(await (await running.connect({ endpoint: "door" })).listTools()).toMatchObject([{ name: "read" }]);
});

describe("over stdio", () => {
  const config = {
    mcpServers: { up: upstream({ only, instructions: "Up." }) },
    plugins: [["@host/plugin-profiles", { profiles: { work: { tools: ["echo"], instructions: "Work. {instructions}" } } }]],
  };

  test("`--endpoint` names the profile, for a client and for commands", async () => {
    using there = home(config);
    const client = sdkClient();
    const args = [BIN, "start", "stdio", "--endpoint", "work", "--config", `${there.path}/mcp-host.config.json`];
    await client.connect(stdioTransport(process.execPath, args, there.env));
    expect(await toolsOf(client)).toEqual(["echo"]);
    expect(client.getInstructions()).toBe("Work. Up.");
    await expect(client.callTool({ name: "slow", arguments: { ms: 1 } })).rejects.toThrow("Unknown tool: slow");
    const closed = new Promise<void>((resolve) => (client.onclose = resolve));
    writeFileSync(`${there.path}/mcp-host.config.json`, JSON.stringify({ ...config, plugins: [] }));
    expect(await run(there, ["reload"])).toMatchObject({ code: 0 });
    await closed;
  });

  test("commands come by it, and the roles of the config say which profile a client has without it", async () => {
    const [[name, options]] = config.plugins as [[string, { profiles: { work: object } }]];
    const roles = { profiles: { work: { ...options.profiles.work, roles: ["worker"] } } };
    using there = home({ ...config, roles: ["worker"], plugins: [[name, roles]] });
    for (const more of [[], ["--endpoint", "work"]]) {
      const { stdout } = await run(there, ["list", "--json", ...more]);
      expect(JSON.parse(stdout).map((entry: { name: string }) => entry.name)).toEqual(["echo"]);
    }
    using stranger = home({ ...config, plugins: [[name, roles]] });
    const refused = await run(stranger, ["list", "--endpoint", "work"]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('the profile "work" is for roles that you do not have');
  });
});

test("a client without a session is told the words of its profile, and refused by one that is for others", async () => {
  const work = { description: "For work", instructions: "Be brief." };
  await using running = await startHost({
    mcpServers: { one: upstream() },
    plugins: [profiles({ profiles: { work, ops: { roles: ["ops"] } } })],
  });
  const at = (name: string): ModernHttp => new ModernHttp(new URL(`/mcp/p/${name}`, running.url));
  const { result } = await at("work").ask("server/discover");
  expect(result.instructions).toBe("Be brief.");
  expect(result.serverInfo).toBeUndefined();
  expect(result._meta["io.modelcontextprotocol/serverInfo"]).toMatchObject({ name: "mcp-host", description: "For work" });
  expect((await at("ops").ask("server/discover")).error).toMatchObject({ data: { type: "forbidden" } });
});
