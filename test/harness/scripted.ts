import http from "node:http";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { WebSocketServer } from "ws";
import type { Message } from "../fixtures/upstream.mjs";
import { listening } from "./faulty-wires.ts";
import { MARKED } from "./hosts.ts";

/**
 * The code of a server that is nothing but a script: `(say) => (message) => void`. The script is run for every message that comes (`message`,
 * with its `id`, `method` and `params`), and gives the result, an `Error` with the words of one, `null` for no answer, or nothing;
 * `say(value)` sends a value, and what is kept in `state` stays. Where it says nothing, a server with the tools `ok` and `bad` does.
 */
const codeOf = (script: string): string => `(say) => {
  const state = {};
  const act = new Function("message", "id", "method", "params", "say", "state", ${JSON.stringify(script)});
  const usual = {
    initialize: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "scripted", version: "1" } },
    "tools/list": { tools: ["ok", "bad"].map((name) => ({ name, inputSchema: { type: "object" } })) },
    "tools/call": { content: [{ type: "text", text: "ok" }] },
    ping: {},
  };
  return (message) => {
    const { id, method, params = {} } = message;
    const given = act(message, id, method, params, say, state);
    if (id === undefined || method === undefined || given === null) return;
    if (given instanceof Error) say({ jsonrpc: "2.0", id, error: { code: -32000, message: given.message } });
    else if (method === "server/discover" && !given) say({ jsonrpc: "2.0", id, error: { code: -32601, message: "Method not found" } });
    else if (given ?? usual[method]) say({ jsonrpc: "2.0", id, result: given ?? usual[method] });
  };
}`;

/** A scripted server in a process of its own. @param first run before anything is read */
export function scripted(script: string, first = "") {
  const program = `
    ${first}
    const receive = (${codeOf(script)})((value) => process.stdout.write((typeof value === "string" ? value : JSON.stringify(value)) + "\\n"));
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => receive(JSON.parse(line)));`;
  return { command: process.execPath, args: ["-e", program], env: MARKED };
}

interface Scripted {
  server: object;
  close(): Promise<void>;
}

/** A scripted server over each wire. */
export const SCRIPTED: Record<string, (script: string) => Promise<Scripted>> = {
  stdio: async (script) => ({ server: scripted(script), close: async () => {} }),

  async HTTP(script) {
    let response: http.ServerResponse;
    const receive = serverOf(script, (value) => void response.write(`data: ${JSON.stringify(value)}\n\n`));
    const server = http.createServer(async (request, answer) => {
      if (request.method !== "POST") return void answer.writeHead(405).end();
      const message = await bodyOf(request);
      if (message.id !== undefined && message.method !== undefined)
        (response = answer).writeHead(200, { "content-type": "text/event-stream" });
      else answer.writeHead(202).end();
      receive(message);
    });
    const { url, close } = await listening(server);
    return { server: { type: "http", url }, close };
  },

  async "HTTP+SSE"(script) {
    let stream: http.ServerResponse;
    const receive = serverOf(script, (value) => void stream.write(`data: ${JSON.stringify(value)}\n\n`));
    const server = http.createServer(async (request, response) => {
      if (request.method === "POST") {
        response.writeHead(202).end();
        return receive(await bodyOf(request));
      }
      (stream = response).writeHead(200, { "content-type": "text/event-stream" }).write("event: endpoint\ndata: /messages\n\n");
    });
    const { url, close } = await listening(server);
    return { server: { type: "sse", url }, close };
  },

  async WebSocket(script) {
    const sockets = new WebSocketServer({ noServer: true });
    const server = http.createServer().on("upgrade", (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (client) => {
        const receive = serverOf(script, (value) => client.send(JSON.stringify(value)));
        client.on("message", (data) => receive(JSON.parse(String(data))));
        client.on("error", () => {}); // close follows
      });
    });
    const { url, close } = await listening(server);
    return { server: { url: url.replace("http", "ws") }, close };
  },

  async "a transport"(script) {
    const transport = (): Transport => {
      const receive = serverOf(script, (value) => queueMicrotask(() => made.onmessage?.(structuredClone(value) as JSONRPCMessage)));
      const made: Transport = {
        start: async () => {},
        send: async (message) => receive(structuredClone(message) as Message),
        close: async () => made.onclose?.(),
      };
      return made;
    };
    return { server: { transport }, close: async () => {} };
  },
};

function serverOf(script: string, say: (value: unknown) => void): (message: Message) => void {
  return (new Function(`return ${codeOf(script)}`)() as (say: (value: unknown) => void) => (message: Message) => void)(say); // what the code is
}

async function bodyOf(request: http.IncomingMessage): Promise<Message> {
  let body = "";
  for await (const chunk of request) body += chunk;
  return JSON.parse(body);
}
