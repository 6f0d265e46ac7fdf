import { type NamespaceOptions, namespace } from "@host/plugin-namespace";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import type { HostStatus } from "mcp-host";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createWorld, inProcessTransport } from "../fixtures/upstream.mjs";
import { httpTransport, sdkClient, stdioTransport } from "../harness/clients.ts";
import { httpProcess, ROOT, startHost, upstream } from "../harness/hosts.ts";

/** Begins native names that are as long as the budget, before any prefix. */
const LONG = "a_server_that_is_fond_of_long_and_telling_names_for_its_tools_";

interface Served extends AsyncDisposable {
  client: Client;
  status: HostStatus | undefined;
}

let http: Awaited<ReturnType<typeof httpProcess>>;
beforeAll(async () => {
  http = await httpProcess("upstream", ["http", "--options", JSON.stringify({ name: "same", only: ["echo", "received"] })]);
});
afterAll(() => http.stop());

/** One server over stdio and one over HTTP that say the same of themselves and list the same names, and one with long names. */
const servers = () => ({
  one: upstream({ name: "same", only: ["echo", "received"] }),
  two: { url: http.url },
  three: upstream({ name: "same", prefix: LONG, only: ["echo", "log"], without: ["prompts"] }),
});

/** A client of a host with these servers, over HTTP or over the standard streams of a process. */
async function serve(way: "http" | "stdio", mcpServers: ReturnType<typeof servers>, options: NamespaceOptions): Promise<Served> {
  const config = { mcpServers, plugins: [["@host/plugin-namespace", options]] as [string, unknown][] };
  const client = sdkClient();
  if (way === "stdio") {
    await client.connect(stdioTransport(process.execPath, [`${ROOT}/test/harness/stdio-host.mjs`, JSON.stringify(config)]));
    return { client, status: undefined, [Symbol.asyncDispose]: () => client.close() };
  }
  const running = await startHost(config);
  await client.connect(httpTransport(running.url));
  return {
    client,
    get status() {
      return running.host.status();
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await running[Symbol.asyncDispose]();
    },
  };
}

const toolNames = async (client: Client): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name);
const promptNames = async (client: Client): Promise<string[]> => (await client.listPrompts()).prompts.map(({ name }) => name);

/** The params of the requests of a method that arrived at an upstream, by the exposed name of its probe. */
async function arrived(client: Client, probe: string, method: string): Promise<Record<string, unknown>[]> {
  const { structuredContent } = await client.callTool({ name: probe, arguments: { method, all: true } });
  return (structuredContent as { received: { params: Record<string, unknown> }[] }).received.map(({ params }) => params);
}

describe.each(["http", "stdio"] as const)("a client over %s", (way) => {
  test("sees every tool and prompt under its upstream's key, and what it asks arrives with native names", async () => {
    await using served = await serve(way, servers(), {});
    const { client } = served;
    expect(await toolNames(client)).toEqual([
      "one__echo",
      "one__received",
      "two__echo",
      "two__received",
      expect.stringMatching(/^three__a_server_.*_[0-9a-f]{8}$/),
      expect.stringMatching(/^three__a_server_.*_[0-9a-f]{8}$/),
    ]);
    const prompts = ["greet", "plain", "rich", "slow"];
    expect(await promptNames(client)).toEqual([...prompts.map((name) => `one__${name}`), ...prompts.map((name) => `two__${name}`)]);

    for (const key of ["one", "two"]) {
      const asker = `${way} ${key}`;
      const { structuredContent } = await client.callTool({ name: `${key}__echo`, arguments: { asker } });
      expect(structuredContent).toMatchObject({ arguments: { asker } });
      expect(await arrived(client, `${key}__received`, "tools/call")).toContainEqual(
        expect.objectContaining({ name: "echo", arguments: { asker } }),
      );

      const { messages } = await client.getPrompt({ name: `${key}__greet`, arguments: { name: asker } });
      expect(messages[0]?.content).toMatchObject({ text: expect.stringContaining(`Greet ${asker}`) });
      expect(await arrived(client, `${key}__received`, "prompts/get")).toContainEqual(
        expect.objectContaining({ name: "greet", arguments: { name: asker } }),
      );

      const completed = await client.complete({
        ref: { type: "ref/prompt", name: `${key}__greet` },
        argument: { name: "name", value: asker },
      });
      expect(completed.completion.values).toContain(`${asker}-one`);
      expect(completed._meta?.["example.test/asked"]).toMatchObject({ ref: { type: "ref/prompt", name: "greet" } });
    }
  });

  test("sees titles, schemas and _meta of renamed tools as the upstream wrote them, and URIs as they are", async () => {
    await using served = await serve(way, servers(), {});
    const { tools } = await served.client.listTools();
    expect(tools[0]).toMatchObject({
      name: "one__echo",
      title: "The echo tool",
      outputSchema: { required: ["arguments", "payload", "params"] },
      _meta: { "example.test/tool": { nested: [1, 2] }, ui: { resourceUri: "ui://same/widget" } },
    });
    const { contents } = await served.client.readResource({ uri: "test://same/text" });
    expect(contents[0]).toMatchObject({ uri: "test://same/text" });
  });

  test("can use a name that is too long through its alias, which is the same in every host", async () => {
    await using served = await serve(way, servers(), {});
    const [echo, log] = (await toolNames(served.client)).filter((name) => name.startsWith("three__"));
    expect(echo).toHaveLength(48);
    expect(echo).not.toBe(log);
    const { structuredContent } = await served.client.callTool({ name: echo ?? "", arguments: { hello: "alias" } });
    expect(structuredContent).toMatchObject({ arguments: { hello: "alias" } });

    // Alone, under the same key, with another order of tools.
    const { three: _, ...others } = servers();
    const three = upstream({ name: "other", prefix: LONG, only: ["log", "echo"], without: ["prompts"] });
    await using again = await serve(way, { three, ...others }, {});
    expect((await toolNames(again.client)).slice(0, 2)).toEqual([log, echo]);
  });

  test("sees the operator's own prefixes and names, and calls them", async () => {
    await using served = await serve(way, servers(), {
      separator: "-",
      prefixes: { one: "first", two: "" },
      names: { "two:echo": "say", "two:greet": "welcome", [`three:${LONG}echo`]: "say_3" },
    });
    const { client } = served;
    expect((await toolNames(client)).slice(0, 5)).toEqual(["first-echo", "first-received", "say", "received", "say_3"]);
    expect(await promptNames(client)).toEqual(expect.arrayContaining(["first-greet", "welcome", "plain"]));
    for (const name of ["first-echo", "say", "say_3"]) {
      const { structuredContent } = await client.callTool({ name, arguments: { name } });
      expect(structuredContent).toMatchObject({ arguments: { name } });
    }
    const { messages } = await client.getPrompt({ name: "welcome", arguments: { name: "Ada" } });
    expect(messages[0]?.content).toMatchObject({ text: expect.stringContaining("Greet Ada") });
    await expect(client.callTool({ name: "echo" })).rejects.toThrow("Unknown tool: echo");
    await expect(client.callTool({ name: "two__echo" })).rejects.toThrow("Unknown tool: two__echo");
  });

  test("in conflict mode sees prefixes only where two upstreams have a name", async () => {
    await using served = await serve(way, servers(), { strategy: "conflict", maxLength: 128 });
    const { client } = served;
    expect(await toolNames(client)).toEqual([
      "one__echo",
      "one__received",
      "two__echo",
      "two__received",
      `${LONG}echo`, // nobody else has it
      `${LONG}log`,
    ]);
    const { structuredContent } = await client.callTool({ name: "two__echo", arguments: { to: `${way} two` } });
    expect(structuredContent).toMatchObject({ arguments: { to: `${way} two` } });
    expect(await arrived(client, "two__received", "tools/call")).toContainEqual(
      expect.objectContaining({ name: "echo", arguments: { to: `${way} two` } }),
    );
    await expect(client.callTool({ name: "echo" })).rejects.toThrow("Unknown tool: echo");
  });
});

test("the order of a list is that of the config, whoever answers first", async () => {
  const lists = await Promise.all(
    ["one", "two"].map(async (slow) => {
      const options = (key: string) => ({ name: key, only: ["echo", "log"], delays: key === slow ? { "tools/list": 200 } : {} });
      await using running = await startHost({
        mcpServers: { one: upstream(options("one")), two: upstream(options("two")) },
        plugins: [namespace()],
      });
      const client = sdkClient();
      await client.connect(httpTransport(running.url));
      const names = [await toolNames(client), await toolNames(client)];
      await client.close();
      return names;
    }),
  );
  expect(lists.flat()).toEqual(Array.from({ length: 4 }, () => ["one__echo", "one__log", "two__echo", "two__log"]));
});

describe("an upstream that arrives late", () => {
  /** A host whose upstream `late`, first in the config, is held back until it is let in; and a client that came before. */
  async function withLate(options: NamespaceOptions) {
    let letIn = (): void => {};
    const gate = new Promise<void>((open) => (letIn = open));
    const world = createWorld({ name: "late", only: ["echo"] });
    const running = await startHost({
      mcpServers: {
        late: {
          transport: async () => {
            await gate;
            return inProcessTransport({}, world);
          },
        },
        early: upstream({ name: "early", only: ["echo"] }),
      },
      plugins: [namespace(options)],
    });
    const client = sdkClient();
    let changes = 0;
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      changes++;
    });
    await client.connect(httpTransport(running.url));
    /** Who answers a call of this name. */
    const owner = async (name: string): Promise<string | undefined> => {
      const { structuredContent } = await client.callTool({ name });
      return (structuredContent as { payload: string }).payload.split("/")[0];
    };
    return {
      client,
      owner,
      status: () => running.host.status(),
      async letIn() {
        letIn();
        await vi.waitFor(() => expect(changes).toBeGreaterThan(0));
      },
      async [Symbol.asyncDispose]() {
        letIn();
        await client.close();
        await running[Symbol.asyncDispose]();
      },
    };
  }

  test("changes no name with prefixes", async () => {
    await using host = await withLate({});
    expect(await host.owner("early__echo")).toBe("early");
    await host.letIn();
    expect(await host.owner("early__echo")).toBe("early");
    expect(await host.owner("late__echo")).toBe("late");
    expect(await toolNames(host.client)).toEqual(["late__echo", "early__echo"]);
  });

  test("never gets the calls that were meant for the one that was there: the shared name ends, each has its own", async () => {
    await using host = await withLate({ strategy: "conflict" });
    expect(await host.owner("echo")).toBe("early");
    await host.letIn();
    expect(await toolNames(host.client)).toEqual(["late__echo", "early__echo"]);
    await expect(host.owner("echo")).rejects.toThrow("Unknown tool: echo");
    expect(await host.owner("early__echo")).toBe("early");
    expect(await host.owner("late__echo")).toBe("late");
  });
});

test("status shows who owns which name, and what is withheld and why", async () => {
  const mcpServers = { ...servers(), one: upstream({ name: "same", only: ["echo", "received", "echo"] }) };
  await using served = await serve("http", mcpServers, { prefixes: { three: "x" } });
  expect(await toolNames(served.client)).toHaveLength(6);
  expect(served.status?.tools).toContainEqual({ name: "two__echo", upstream: "two", native: "echo" });
  expect(served.status?.tools).toContainEqual({
    name: expect.stringMatching(/^x__.{36}_[0-9a-f]{8}$/),
    upstream: "three",
    native: `${LONG}echo`,
  });
  expect(served.status?.withheld.filter(({ kind }) => kind === "tool")).toEqual([
    {
      kind: "tool",
      name: "one__echo",
      upstream: "one",
      reason: 'the name is taken by "echo" of the same upstream, which lists it more than once',
    },
  ]);
});
