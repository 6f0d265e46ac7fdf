import { definePlugin } from "mcp-host";
import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import tenant from "../../../examples/plugins/tenant.ts";

testPlugin(tenant, {
  test,
  module: new URL("../../../examples/plugins/tenant.ts", import.meta.url),
  options: { tenants: { blue: { members: ["ada"] } } },
  badOptions: [
    { options: { tenants: { blue: { members: [] } } }, place: "plugins[0].options.tenants.blue.members", hint: ">=1" },
    {
      options: { tenants: { blue: { members: ["ada"], servers: ["contrac"] } } },
      place: 'plugin "tenant": options.tenants.blue.servers[0]',
      hint: "contract",
    },
  ],
});

/** Whoever says that they are somebody is. */
const trusting = definePlugin({
  name: "trusting",
  host: "^1.0.0",
  apply: (host) =>
    host.hooks.authenticate.tap("trusting", ({ headers }) =>
      typeof headers["x-who"] === "string" ? { id: headers["x-who"], roles: [], claims: { tenant: "red" } } : undefined,
    ),
});

const tenants = {
  blue: { members: ["ada", "bob"], servers: ["notes"] },
  red: { members: ["ada"], servers: ["notes", "plans"] },
};
const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

test("a header says for whom somebody acts, a list of members whether they may", async () => {
  const server = () => fakeUpstream({ tools: { read: () => "" } });
  const upstreams = { notes: server(), plans: server(), all: server() };
  await using host = await createTestHost({
    plugins: [trusting(), tenant({ tenants })],
    upstreams,
    config: { listen: { port: 0 } },
    client: false,
  });
  async function post(message: object, headers: Record<string, string>): Promise<Response> {
    const accept = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    return fetch(host.host.url!, { method: "POST", body: JSON.stringify(message), headers: { ...accept, ...headers } });
  }
  /** The servers whose tools a list shows. */
  async function seen(headers: Record<string, string>): Promise<string[]> {
    const opened = await post(initialize, headers);
    const session = { ...headers, "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
    await post({ jsonrpc: "2.0", method: "notifications/initialized" }, session);
    const list = await (await post({ jsonrpc: "2.0", id: 2, method: "tools/list" }, session)).text();
    return [...list.matchAll(/"name":"(\w+)"/g)].map(([, name = ""]) => name).sort();
  }
  const refused = async (who: string, acting: string) => (await post(initialize, { "x-who": who, "x-tenant": acting })).status;
  expect([await refused("bob", "red"), await refused("eve", "blue"), await refused("ada", "toString")]).toEqual([403, 403, 403]);
  // What a token says of tenants counts for nothing.
  expect(await seen({ "x-who": "ada" })).toEqual(await seen({ "x-who": "eve" }));

  const opened = await post(initialize, { "x-who": "ada", "x-tenant": "blue" });
  const session = { "x-who": "ada", "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
  const ping = { jsonrpc: "2.0", id: 3, method: "ping" };
  expect((await post(ping, { ...session, "x-tenant": "blue" })).status).toBe(200);
  expect((await post(ping, { ...session, "x-tenant": "red" })).status).toBe(404); // another caller's session
});

test("servers of tenants are theirs, and each of their people has a connection for each tenant", async () => {
  const server = (who: string) => fakeUpstream({ tools: { [`read_${who}`]: () => who } });
  const [notes, plans, all] = [server("notes"), server("plans"), server("all")];
  await using host = await createTestHost({ plugins: [tenant({ tenants })], upstreams: { notes, plans, all }, client: false });
  const acting = (id: string, name?: string) =>
    host.connect({ principal: { id, roles: [], ...(name !== undefined && { claims: { tenant: name }, binding: name }) } });
  const nobody = await acting("ada"); // who comes first has connections to itself
  const [blue, red] = [await acting("ada", "blue"), await acting("ada", "red")];
  const names = async (client = blue) => (await client.listTools()).map(({ name }) => name);
  expect(await names(blue)).toEqual(["read_notes", "read_all"]);
  expect(await names(red)).toEqual(["read_notes", "read_plans", "read_all"]);
  expect(await names(nobody)).toEqual(["read_all"]);
  await expect(blue.callTool("read_plans")).rejects.toMatchObject({ message: "Unknown tool: read_plans" });
  const bob = await acting("bob", "blue");
  for (const client of [blue, red, bob]) await client.callTool("read_notes");
  expect(notes.connections).toBe(4); // ada's for nobody in particular, too
  await (await acting("ada", "blue")).callTool("read_notes");
  expect(notes.connections).toBe(4);
  expect(all.connections).toBe(2); // that of who came first, and that of all others
});
