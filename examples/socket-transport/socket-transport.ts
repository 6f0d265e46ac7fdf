import { createConnection, type Socket } from "node:net";
import { resolve } from "node:path";
import { StringDecoder } from "node:string_decoder";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { definePlugin } from "mcp-host";
import { z } from "zod";

/** No message is longer; a server that sends one without end must not fill the memory. */
const LONGEST = 4 * 1024 * 1024;

/** A server behind a Unix socket: one JSON-RPC message a line, as over stdio. */
class SocketTransport implements Transport {
  onmessage?: (message: JSONRPCMessage) => void;
  onerror?: (error: Error) => void;
  onclose?: () => void;
  readonly #path: string;
  #socket: Socket | undefined;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when messages can be sent; what it rejects with is why the server is down. */
  start(): Promise<void> {
    return new Promise((connected, failed) => {
      const socket = createConnection(this.#path, connected);
      const decoder = new StringDecoder("utf8");
      this.#socket = socket;
      socket.on("data", (chunk) => this.#receive(decoder.write(chunk)));
      socket.on("error", failed); // once it is connected, `close` tells
      socket.on("close", () => this.onclose?.());
    });
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (!this.#socket?.writable) throw new Error("the socket is closed");
    this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  async close(): Promise<void> {
    this.#socket?.destroy();
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LONGEST) return void this.#socket?.destroy();
    for (const line of lines) {
      try {
        this.onmessage?.(JSON.parse(line) as JSONRPCMessage); // the host checks what it is
      } catch (error) {
        this.onerror?.(error as Error); // JSON.parse throws Errors
      }
    }
  }
}

/** Servers with `"type": "socket"`. */
export default definePlugin({
  name: "socket-transport",
  host: "^1.0.0",
  apply(host) {
    host.transports.register(
      "socket",
      // A new transport for every connection; the host starts and closes it.
      ({ options: { path } }, { folder }) => new SocketTransport(resolve(folder, path)),
      { options: z.strictObject({ path: z.string().min(1) }) },
    );
  },
});
