import http from "node:http";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { home, run } from "../harness/cli.ts";
import { listening } from "../harness/faulty-wires.ts";
import { startHost, temporary } from "../harness/hosts.ts";

const UNSUPPORTED = { code: -32022, message: "Unsupported protocol version", data: { supported: ["2027-05-01"], requested: "2025-11-25" } };

/** A server of a later MCP only, as its specification wants it to refuse `initialize`. @param id of the refusal, if not the request's */
async function modern(error: object = UNSUPPORTED, id?: null) {
  const methods: string[] = [];
  const server = http.createServer(async (request, response) => {
    methods.push(request.method ?? "");
    let body = "";
    for await (const chunk of request) body += chunk;
    if (request.method !== "POST") return void response.writeHead(405).end();
    const message: Message = JSON.parse(body);
    response.writeHead(400, { "content-type": "application/json" });
    return void response.end(JSON.stringify({ jsonrpc: "2.0", id: id === null ? null : message.id, error }));
  });
  const { url, close } = await listening(server);
  return { url: `${url}/mcp`, methods, [Symbol.asyncDispose]: close };
}

const REASON = 'upstream "one" speaks only MCP 2027-05-01, which this host does not yet';
const stdio = `
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const { id } = JSON.parse(line);
    if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, error: ${JSON.stringify(UNSUPPORTED)} }));
  });`;

describe("a server that speaks only a later MCP", () => {
  test.each([{ type: "http" }, {}])("over HTTP (%j) is said to be one, and not asked for the SSE of old", async (settings) => {
    await using upstream = await modern();
    await using running = await startHost({ mcpServers: { one: { url: upstream.url, ...settings } } });
    await vi.waitFor(() => expect(running.host.status().upstreams[0]?.reason).toBe(REASON));
    expect(upstream.methods).not.toContain("GET");
  });

  test("is so whatever id its refusal has", async () => {
    await using upstream = await modern(UNSUPPORTED, null);
    await using running = await startHost({ mcpServers: { one: { url: upstream.url } } });
    await vi.waitFor(() => expect(running.host.status().upstreams[0]?.reason).toBe(REASON));
  });

  test("over stdio is said to be one", async () => {
    await using running = await startHost({ mcpServers: { one: { command: process.execPath, args: ["-e", stdio] } } });
    await vi.waitFor(() => expect(running.host.status().upstreams[0]?.reason).toBe(REASON));
  });

  test("that names no version, or none that is one, is told without it", async () => {
    await using upstream = await modern({ code: -32022, message: "no", data: { supported: [1, "<b>", "2027-05-01x"] } });
    await using running = await startHost({ mcpServers: { one: { url: upstream.url } } });
    await vi.waitFor(() =>
      expect(running.host.status().upstreams[0]?.reason).toBe(
        'upstream "one" speaks only MCP versions that it does not name, which this host does not yet',
      ),
    );
  });

  test("that speaks one which the host speaks, too, but does not say so to server/discover, is told with the setting that shows why", async () => {
    const data = { supported: ["2026-07-28"], requested: "2025-11-25" };
    await using upstream = await modern({ ...UNSUPPORTED, data });
    const mcpServers = { auto: { url: upstream.url }, legacy: { url: upstream.url, protocol: "legacy" as const } };
    await using running = await startHost({ mcpServers });
    await vi.waitFor(() => {
      for (const { name, reason } of running.host.status().upstreams)
        expect(reason).toBe(
          `upstream "${name}" speaks only MCP 2026-07-28; with its \`protocol\` set to "modern" it is spoken to in that, or told why not`,
        );
    });
  });

  test("is what validate --connect says", async () => {
    await using upstream = await modern();
    using at = home();
    using folder = temporary({ "mcp-host.config.json": JSON.stringify({ mcpServers: { one: { url: upstream.url } } }) });
    const { code, stdout } = await run(at, ["validate", "--connect", "--config", `${folder.path}/mcp-host.config.json`]);
    expect(code).not.toBe(0);
    expect(stdout).toContain("speaks only MCP 2027-05-01");
  });
});
