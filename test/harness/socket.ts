import type { IncomingHttpHeaders } from "node:http";
import { vi } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import type { Message } from "../fixtures/upstream.mjs";
import { initialize } from "./wire.ts";

/** The WebSocket endpoint beside an MCP endpoint. */
export function socketUrl(url: URL): URL {
  return new URL(`${url.protocol === "https:" ? "wss" : "ws"}://${url.host}/ws`);
}

/** A client over WebSocket, spoken by hand. */
export class SocketClient {
  readonly socket: WebSocket;
  readonly received: Message[] = [];
  /** The code and reason that the connection was closed with. */
  readonly closed: Promise<{ code: number; reason: string }>;
  #id = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data) => this.received.push(JSON.parse(String(data))));
    socket.on("error", () => {}); // told by close
    this.closed = new Promise((resolve) => socket.once("close", (code, reason) => resolve({ code, reason: String(reason) })));
  }

  /** A connection without a session yet. Rejects with the status of a refusal. */
  static async open(
    url: URL,
    options: ClientOptions & { path?: string } = {},
    protocols: string | string[] = "mcp",
  ): Promise<SocketClient> {
    const target = socketUrl(url);
    if (options.path !== undefined) target.pathname = options.path;
    const socket = new WebSocket(target, protocols, options);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    return new SocketClient(socket);
  }

  static async connect(url: URL, options: ClientOptions & { version?: string; path?: string } = {}): Promise<SocketClient> {
    const client = await SocketClient.open(url, options);
    client.send(initialize(options.version));
    const { result } = await client.answer(0);
    if (!result) throw new Error("initialize was refused");
    client.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return client;
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  answer(id: unknown): Promise<Message> {
    return vi.waitFor(
      () => {
        const found = this.received.find((message) => message.method === undefined && message.id === id);
        if (!found) throw new Error(`no answer to ${id}: ${JSON.stringify(this.received).slice(0, 500)}`);
        return found;
      },
      { interval: 2 },
    );
  }

  request(method: string, params?: object): Promise<Message> {
    const id = `r${++this.#id}`;
    this.send({ jsonrpc: "2.0", id, method, ...(params && { params }) });
    return this.answer(id);
  }

  async call(name: string, args: object = {}): Promise<Message> {
    const { result } = await this.request("tools/call", { name, arguments: args });
    return result.structuredContent;
  }
}

/** How the host answers a request to change to WebSocket that it refuses. */
export function refusal(
  url: URL,
  options: ClientOptions & { path?: string } = {},
  protocols: string | string[] = "mcp",
): Promise<{ status: number; headers: IncomingHttpHeaders; json: Message }> {
  const target = socketUrl(url);
  if (options.path !== undefined) target.pathname = options.path;
  const socket = new WebSocket(target, protocols, options);
  return new Promise((resolve, reject) => {
    socket.once("open", () => {
      socket.terminate();
      reject(new Error("the connection was accepted"));
    });
    socket.on("error", reject);
    socket.once("unexpected-response", (_, response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, json: JSON.parse(text) }));
    });
  });
}
