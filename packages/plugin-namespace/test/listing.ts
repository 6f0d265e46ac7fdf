import { type NamespaceOptions, namespace } from "@host/plugin-namespace";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Config, HostStatus } from "mcp-host";
import { createWorld, inProcessTransport, type World } from "../../../test/fixtures/upstream.mjs";
import { memoryTransport, sdkClient } from "../../../test/harness/clients.ts";
import { startHost } from "../../../test/harness/hosts.ts";

/** What a server of a test lists, by native name. */
export interface Listing {
  tools?: readonly string[];
  prompts?: readonly string[];
}

export interface Listed extends AsyncDisposable {
  client: Client;
  /** Exposed tool names in the order of the list, each with `<upstream>:<native>`. */
  tools(): Promise<[name: string, owner: string][]>;
  /** Exposed prompt names in the order of the list. */
  prompts(): Promise<string[]>;
  withheld(): HostStatus["withheld"];
  /** Changes what a server lists, and tells. */
  relist(key: string, listing: Listing): void;
  logs: Record<string, unknown>[];
}

/** A host with the plugin and these servers, all in this process, and a client of it. */
export async function listed(servers: Record<string, Listing>, options?: NamespaceOptions): Promise<Listed> {
  const worlds = new Map<string, World>();
  const mcpServers: NonNullable<Config["mcpServers"]> = {};
  for (const [key, listing] of Object.entries(servers)) {
    // The server calls itself something else: what it says of itself must not name anything.
    const world = createWorld({ name: `self-${key}`, only: [] });
    fill(world, listing);
    worlds.set(key, world);
    mcpServers[key] = { transport: () => inProcessTransport({}, world) };
  }
  const running = await startHost({ listen: null, mcpServers, plugins: [namespace(options)] });
  const client = sdkClient();
  await client.connect(await memoryTransport(running.host));
  return {
    client,
    async tools() {
      const owners = new Map<string, string>();
      const { tools } = await client.listTools();
      for (const { name, upstream, native } of running.host.status().tools) owners.set(name, `${upstream}:${native}`);
      return tools.map(({ name }) => [name, owners.get(name) ?? "nobody"]);
    },
    prompts: async () => (await client.listPrompts()).prompts.map(({ name }) => name),
    withheld: () => running.host.status().withheld,
    relist(key, listing) {
      const world = worlds.get(key);
      if (!world) throw new Error(`there is no server ${key}`);
      fill(world, listing);
      world.broadcast("notifications/tools/list_changed");
      world.broadcast("notifications/prompts/list_changed");
    },
    logs: running.logs,
    async [Symbol.asyncDispose]() {
      await client.close();
      await running[Symbol.asyncDispose]();
    },
  };
}

function fill({ catalog }: World, { tools = [], prompts = [] }: Listing): void {
  catalog.tools = tools.map((name) => ({ name, inputSchema: { type: "object" } }));
  catalog.prompts = prompts.map((name) => ({ name }));
}
