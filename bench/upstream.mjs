// The MCP server behind every measured gateway: as fast as it can be, so that the gateway is what is measured. With "modern"
// behind the tools it speaks 2026-07-28, and nothing older.
//   node upstream.mjs NAME TOOLS     over stdio
//   node upstream.mjs --http         over HTTP: /NAME/TOOLS is a server of that name and size; prints where it listens
// Tools: NAME_big answers `bytes` bytes that begin with `tag`; every other one (NAME_echo, NAME_tool_1, ...) answers its `text`.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { framed } from "./frames.mjs";
import { TOKEN } from "./upstream-token.mjs";

const lists = new Map();
const fillings = new Map();

/** The `tools/list` result of a server, as JSON. */
function toolsOf(name, count, isModern) {
  const key = `${name} ${count} ${isModern}`;
  const known = lists.get(key);
  if (known) return known;
  const text = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
  const size = { type: "object", properties: { bytes: { type: "integer" }, tag: { type: "string" } }, required: ["bytes", "tag"] };
  const tools = [
    { name: `${name}_echo`, description: "Answers its text", inputSchema: text },
    { name: `${name}_big`, description: "Answers a text of so many bytes that begins with the tag", inputSchema: size },
  ];
  for (let i = tools.length; i < count; i++)
    tools.push({
      name: `${name}_tool_${i}`,
      description: `Tool ${i} of server ${name}: answers its text, and has a description of the usual length besides.`,
      inputSchema: {
        type: "object",
        required: ["text"],
        properties: {
          text: { type: "string", description: "What to answer" },
          limit: { type: "integer", minimum: 1, maximum: 100, default: 10 },
          mode: { type: "string", enum: ["fast", "exact", "fuzzy"] },
        },
      },
    });
  const list = JSON.stringify({ tools, ...(isModern && { resultType: "complete", ttlMs: 60_000, cacheScope: "private" }) });
  lists.set(key, list);
  return list;
}

function called({ name, arguments: given = {} }) {
  if (!name.endsWith("_big")) return JSON.stringify(String(given.text));
  let filling = fillings.get(given.bytes);
  if (filling === undefined) fillings.set(given.bytes, (filling = "x".repeat(given.bytes)));
  return `"${given.tag}${filling.slice(given.tag.length)}"`;
}

const discovered = (name) => ({
  supportedVersions: ["2026-07-28"],
  capabilities: { tools: {} },
  resultType: "complete",
  ttlMs: 0,
  cacheScope: "private",
  _meta: { "io.modelcontextprotocol/serverInfo": { name, version: "1.0.0" } },
});

/** The answer to a message as JSON, or undefined where none is due. */
function answer({ id, method, params }, name, tools, isModern) {
  if (id === undefined || method === undefined) return undefined;
  const head = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},`;
  if (method === "tools/call")
    return `${head}"result":{"content":[{"type":"text","text":${called(params)}}]${isModern ? ',"resultType":"complete"' : ""}}}`;
  if (method === "tools/list") return `${head}"result":${toolsOf(name, tools, isModern)}}`;
  if (method === "ping") return `${head}"result":{}}`;
  if (isModern && method === "server/discover") return `${head}"result":${JSON.stringify(discovered(name))}}`;
  if (isModern || method !== "initialize") return `${head}"error":{"code":-32601,"message":"there is no such method"}}`;
  const { protocolVersion } = params;
  return `${head}"result":${JSON.stringify({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name, version: "1.0.0" } })}}`;
}

function overStdio(name, tools, isModern) {
  let waiting = "";
  const flush = () => {
    process.stdout.write(waiting);
    waiting = "";
  };
  framed(process.stdin, (line) => {
    const json = answer(JSON.parse(line), name, tools, isModern);
    if (json === undefined) return;
    if (waiting === "") setImmediate(flush); // one write for all answers of a turn
    waiting += `${json}\n`;
  });
  process.stdin.on("end", () => process.exit(0));
}

const LOCK = `Bearer ${TOKEN}`;

function overHttp() {
  const sessions = new Set();
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "POST") return response.writeHead(request.method === "DELETE" ? 200 : 405).end();
      const message = JSON.parse(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
      const [, name, tools, era, lock] = request.url.split("/");
      if (lock === "locked" && request.headers.authorization !== LOCK)
        return response.writeHead(401, { "www-authenticate": "Bearer" }).end();
      const isModern = era === "modern";
      const headers = { "content-type": "application/json" };
      if (message.method === "initialize") sessions.add((headers["mcp-session-id"] = randomUUID()));
      else if (!isModern && !sessions.has(request.headers["mcp-session-id"])) return response.writeHead(404).end();
      const json = answer(message, name, Number(tools), isModern);
      if (json === undefined) return response.writeHead(202).end();
      headers["content-length"] = Buffer.byteLength(json);
      response.writeHead(200, headers).end(json);
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1", () => process.stderr.write(`listens at http://127.0.0.1:${server.address().port}\n`));
  process.stdin.resume().on("end", () => process.exit(0));
}

const [first, tools, era] = process.argv.slice(2);
if (first === "--http") overHttp();
else overStdio(first, Number(tools), era === "modern");
