import { type ToolSearchOptions, toolSearch } from "@host/plugin-tool-search";
import type { Config, Json } from "mcp-host";
import {
  createTestHost,
  type FakeUpstream,
  type FakeUpstreamSpec,
  fakeUpstream,
  type TestClient,
  type TestClientOptions,
  type TestHost,
} from "mcp-host/testing";

/** Tools about so many things that a list of them is long: `count` of them, `item_0` and on, besides those that are given. */
export function manyTools(count: number): Record<string, { description: string; call: () => string }> {
  const about = "Looks after one of the things of the inventory that nobody asks for. ".repeat(5);
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`item_${n}`, { description: about, call: () => `item ${n}` }]));
}

/** A server with tools that are asked for, among many others. */
export function office(tools: NonNullable<FakeUpstreamSpec["tools"]>): FakeUpstream {
  return fakeUpstream({ tools: { ...manyTools(60), ...tools } });
}

export interface Started extends TestHost {
  readonly office: FakeUpstream;
}

/** A host with an office in front of which tools are searched. */
export async function started(
  options: ToolSearchOptions = {},
  {
    before = [],
    after = [],
    client = {},
    upstream,
  }: { before?: Plugins; after?: Plugins; client?: TestClientOptions | false; upstream?: FakeUpstream } = {},
): Promise<Started> {
  const server =
    upstream ??
    office({
      send_letter: {
        description: "Sends a letter by post.",
        inputSchema: {
          type: "object",
          properties: { to: { type: "string", description: "The recipient." } },
          required: ["to"],
        },
        call({ to }, { progress }) {
          progress(1, 2, "in the envelope");
          return `sent to ${to}`;
        },
      },
      burn_letter: { description: "Destroys a letter for ever.", call: () => "burnt" },
      broken: { description: "A broken thing.", call: () => Promise.reject(new Error("it broke")) },
    });
  const running = await createTestHost({ upstreams: { office: server }, plugins: [...before, toolSearch(options), ...after], client });
  return Object.assign(running, { office: server });
}

type Plugins = Config["plugins"] & object;

export const names = async (client: TestClient): Promise<string[]> => (await client.listTools()).map(({ name }) => String(name));

/** What a search tells: its first line, and the tools. */
export async function find(client: TestClient, query: string, limit?: number): Promise<{ head: string; tools: Json[] }> {
  const result = (await client.callTool("find_tools", { query, ...(limit !== undefined && { limit }) })) as { content: { text: string }[] };
  const [head = "", ...lines] = result.content[0]!.text.split("\n");
  return { head, tools: lines.map((line) => JSON.parse(line) as Json) };
}

export const found = async (client: TestClient, query: string): Promise<unknown[]> =>
  (await find(client, query)).tools.map(({ name }) => name);

export const call = (client: TestClient, name: string, args?: Json): Promise<Json> =>
  client.callTool("call_tool", { name, ...(args && { arguments: args }) }) as Promise<Json>;
