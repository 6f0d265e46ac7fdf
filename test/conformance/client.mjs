// What the suite runs as the client that it examines: `node client.mjs URL`. It starts a host with the suite's server behind it, and
// as the host's client does whatever can be done there: lists everything, calls every tool, reads every resource, asks for every
// prompt, and answers what it is asked.

import { setTimeout as delay } from "node:timers/promises";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { createHost } from "mcp-host";

const MODERN = "2026-07-28";
const url = process.argv[2];
const { MCP_CONFORMANCE_PROTOCOL_VERSION: version, MCP_CONFORMANCE_CONTEXT: context = "{}" } = process.env;

// One of the suite's servers asks its client without saying for which call.
const host = createHost({ listen: { port: 0 }, mcpServers: { suite: { url, ...(version !== MODERN && { isolation: "session" }) } } });
await host.start();

/** A server that is slow to answer is listed when it has, for which nobody waits long; one that refuses everything never is. */
const isReady = async () => {
  for (const until = Date.now() + 5_000; Date.now() < until && host.status().upstreams[0]?.state !== "ready"; ) await delay(20);
};

const info = { name: "conformance-client", version: "1.0.0" };
const capabilities = { elicitation: { form: { applyDefaults: true } } };
const answer = ({ params }) => ({ action: "accept", content: required(params.requestedSchema) });

let client;
if (version === MODERN) {
  client = new ModernClient(info, { capabilities, versionNegotiation: { mode: { pin: MODERN } } });
  client.setRequestHandler("elicitation/create", answer);
  await isReady();
  await client.connect(new ModernTransport(new URL(host.url)));
} else {
  client = new Client(info, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, answer);
  await client.connect(new StreamableHTTPClientTransport(new URL(host.url)));
  await isReady(); // its connection is this session's own
}

const { toolCalls = [] } = JSON.parse(context);
const [{ tools = [] }, { resources = [] }, { prompts = [] }] = await Promise.all(
  [client.listTools(), client.listResources(), client.listPrompts()].map((list) => list.catch(() => ({}))), // what it has none of
);

// At once, so that what belongs to one call and not to another is seen.
const outcomes = await Promise.allSettled([
  ...tools.map(({ name, inputSchema }) => {
    const given = toolCalls.find((call) => call.name === name)?.arguments;
    // One wants to be given the schema of another as it came.
    const { schema } = inputSchema.properties ?? {};
    return client.callTool({ name, arguments: given ?? { ...required(inputSchema), ...(schema && { schema: tools[0].inputSchema }) } });
  }),
  ...resources.map(({ uri }) => client.readResource({ uri })),
  ...prompts.map(({ name, arguments: args = [] }) =>
    client.getPrompt({ name, arguments: Object.fromEntries(args.map((argument) => [argument.name, "a"])) }),
  ),
]);
for (const { status, reason } of outcomes) if (status === "rejected") console.error(String(reason));

await client.close();
await host.close();

/** A value for each property that must be there and has no default. */
function required({ properties = {}, required: names = [] } = {}) {
  const values = { string: "a", number: 1, integer: 1, boolean: true, object: {}, array: [] };
  const open = names.filter((name) => properties[name]?.default === undefined);
  return Object.fromEntries(open.map((name) => [name, values[properties[name]?.type] ?? "a"]));
}
