import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { expect, test, vi } from "vitest";
import { clientOf, type Home, home, start } from "../harness/cli.ts";
import { sdkClient, stdioTransport } from "../harness/clients.ts";
import { BIN } from "../harness/hosts.ts";

/** A server that answers nothing until there is a file "go", and lists what the file says. */
const SERVER = `
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
const go = async () => {
  while (!existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 10));
  return readFileSync("go", "utf8").split(" ");
};
createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const tools = (await go()).map((name) => ({ name, inputSchema: { type: "object" } }));
  const results = {
    initialize: {
      protocolVersion: params?.protocolVersion,
      serverInfo: { name: "slow", version: "1" },
      capabilities: { tools: {} },
      instructions: "Mind the gap.",
    },
    "tools/list": { tools },
    "tools/call": { content: [{ type: "text", text: "called " + params?.name }] },
  };
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] ?? {} }));
});
`;
const server = { command: process.execPath, args: ["server.mjs"], isolation: "shared" };

const named = async (client: Client): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name);
const shown = async (client: Client) => ({
  tools: await named(client),
  instructions: client.getInstructions(),
  capabilities: Object.keys(client.getServerCapabilities() ?? {}),
});
const KNOWN = { tools: ["one"], instructions: "Mind the gap.", capabilities: ["tools"] };

/** Starts a host over HTTP, has a client look at it, and stops it. */
async function during(at: Home, use: (client: Client) => Promise<void>, env: Record<string, string> = {}): Promise<void> {
  await using running = start(at, ["start", "--port", "0"], { MCP_HOST_WAIT: "20ms", ...env });
  const client = await clientOf(running);
  await use(client);
  await client.close();
  running.child.kill("SIGTERM");
  expect(await running.exited).toMatchObject({ code: 0 });
}

test("a host that starts again knows at once what its servers had, and calls wait for them", async () => {
  using at = home({ mcpServers: { server } }, { "server.mjs": SERVER, go: "one" });
  const go = join(at.path, "go");
  await during(at, async (client) => {
    await vi.waitFor(async () => expect(await named(client)).toEqual(["one"]));
  });
  const folder = join(at.path, "state/mcp-host/catalog");
  const [file = "", ...more] = readdirSync(folder);
  expect(more).toEqual([]);
  expect([statSync(folder).mode & 0o777, statSync(join(folder, file)).mode & 0o777]).toEqual([0o700, 0o600]);

  rmSync(go);
  await during(at, async (client) => {
    expect(await shown(client)).toEqual(KNOWN);
    const call = client.callTool({ name: "one" });
    const changed = new Promise<void>((resolve) => {
      client.fallbackNotificationHandler = async ({ method }) => void (method === "notifications/tools/list_changed" && resolve());
    });
    writeFileSync(go, "one two");
    expect(await call).toMatchObject({ content: [{ text: "called one" }] });
    await changed;
    expect(await named(client)).toEqual(["one", "two"]);
  });
  expect(readFileSync(join(folder, file), "utf8")).toContain('"two"');

  // Nothing is known where the operator does not want it, nor of an entry that is another one now.
  rmSync(go);
  await during(at, async (client) => expect(await named(client)).toEqual([]), { MCP_HOST_CATALOG_FILE: "false" });
  await during(at, async (client) => expect(await named(client)).toEqual([]), { MCP_HOST_MCP_SERVERS__SERVER__TIMEOUT: "77s" });
});

test("a host over stdio knows it, too; a file that is no catalog is passed over", async () => {
  using at = home({ mcpServers: { server } }, { "server.mjs": SERVER, go: "one" });
  const connected = async (): Promise<Client> => {
    const client = sdkClient();
    await client.connect(
      stdioTransport(process.execPath, [BIN, "start", "stdio", "--config", join(at.path, "mcp-host.config.json")], at.env),
    );
    return client;
  };
  const first = await connected();
  expect(await shown(first)).toEqual(KNOWN);
  await first.close();
  rmSync(join(at.path, "go"));
  const second = await connected();
  expect(await shown(second)).toEqual(KNOWN);
  await second.close();

  const folder = join(at.path, "state/mcp-host/catalog");
  for (const name of readdirSync(folder)) writeFileSync(join(folder, name), "{");
  writeFileSync(join(at.path, "go"), "one");
  const third = await connected();
  expect(await shown(third)).toEqual(KNOWN);
  await third.close();
});
