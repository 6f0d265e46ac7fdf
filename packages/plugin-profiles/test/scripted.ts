import { type ProfilesOptions, profiles } from "@host/plugin-profiles";
import type { Config } from "mcp-host";
import { createTestHost, type FakeUpstream, fakeUpstream, type TestClient, type TestHost } from "mcp-host/testing";

/** A server with an entry of every kind, whose names begin with its own. */
export function server(name: string): FakeUpstream {
  return fakeUpstream({
    instructions: `How to use ${name}.`,
    tools: {
      [`${name}_read`]: { description: `Reads ${name}`, call: () => `read ${name}` },
      [`${name}_write`]: () => `wrote ${name}`,
    },
    prompts: { [`${name}_pack`]: { arguments: [{ name: "city" }], get: () => "What do I pack?" } },
    resources: { [`${name}:///open`]: { read: () => "open" }, [`${name}:///secret`]: { read: () => "secret" } },
    templates: { [`${name}:///items/{id}`]: { read: (uri) => uri } },
    complete: () => ["Oslo"],
  });
}

/** A host with the servers `files` and `git`, and these profiles. */
export async function started(
  options: ProfilesOptions,
  { plugins = [], upstreams }: { plugins?: Config["plugins"] & object; upstreams?: Record<string, FakeUpstream> } = {},
): Promise<TestHost & { readonly files: FakeUpstream; readonly git: FakeUpstream }> {
  const files = server("files");
  const git = server("git");
  const running = await createTestHost({
    upstreams: upstreams ?? { files, git },
    plugins: [...plugins, profiles(options)],
    client: false,
  });
  return Object.assign(running, { files, git });
}

/** Names and URIs of all that a client is shown. */
export async function shown(client: TestClient): Promise<string[]> {
  const names = (entries: readonly Record<string, unknown>[], key: string) => entries.map((entry) => String(entry[key]));
  return [
    ...names(await client.listTools(), "name"),
    ...names(await client.listPrompts(), "name"),
    ...names(await client.listResources(), "uri"),
    ...names(await client.listResourceTemplates(), "uriTemplate"),
  ].sort();
}

/** All that a server has. */
export const allOf = (name: string): string[] =>
  [`${name}_read`, `${name}_write`, `${name}_pack`, `${name}:///open`, `${name}:///secret`, `${name}:///items/{id}`].sort();
