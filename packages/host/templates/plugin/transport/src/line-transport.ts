import { createConnection, type Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import type { TransportFactory } from "mcp-host";

/** The `Transport` of the MCP SDK. */
type Transport = Awaited<ReturnType<TransportFactory>>;
type Message = Parameters<Transport["send"]>[0];

/** Characters of the longest message; a server that sends one without end must not fill the memory. */
const LONGEST = 4 * 1024 * 1024;

export interface Target {
  readonly host: string;
  readonly port: number;
  /** Milliseconds. */
  readonly connectTimeout: number;
}

/** One connection to a server: one JSON-RPC message a line. */
export class LineTransport implements Transport {
  onmessage?: (message: Message) => void;
  onerror?: (error: Error) => void;
  onclose?: () => void;
  readonly #target: Target;
  #socket: Socket | undefined;
  #rest = "";

  constructor(target: Target) {
    this.#target = target;
  }

  /** Resolves when messages can be sent; what it rejects with is why the server is down. */
  start(): Promise<void> {
    const { host, port, connectTimeout } = this.#target;
    return new Promise((connected, failed) => {
      const socket = createConnection({ host, port });
      const decoder = new StringDecoder("utf8");
      this.#socket = socket;
      const late = setTimeout(() => socket.destroy(new Error(`no connection to ${host}:${port} in ${connectTimeout} ms`)), connectTimeout);
      socket.once("connect", () => {
        clearTimeout(late);
        connected();
      });
      socket.on("data", (chunk) => this.#receive(decoder.write(chunk)));
      socket.on("error", (error) => {
        failed(error); // once it is connected, nobody waits for this any more
        this.onerror?.(error);
      });
      socket.on("close", () => {
        clearTimeout(late);
        failed(new Error(`the connection to ${host}:${port} was closed`));
        this.onclose?.();
      });
    });
  }

  /** Resolves when the message has left this process, so that whoever sends does not outrun the server. */
  send(message: Message): Promise<void> {
    const socket = this.#socket;
    return new Promise((sent, failed) => {
      if (!socket?.writable) return failed(new Error("the connection is closed"));
      socket.write(`${JSON.stringify(message)}\n`, (error) => (error ? failed(error) : sent()));
    });
  }

  async close(): Promise<void> {
    this.#socket?.destroy();
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.trim() === "") continue;
      try {
        this.onmessage?.(JSON.parse(line) as Message); // the host checks what it is
      } catch (error) {
        this.onerror?.(error as Error); // JSON.parse throws Errors
      }
    }
    if (this.#rest.length > LONGEST) this.#socket?.destroy(new Error(`a message is longer than ${LONGEST} characters`));
  }
}
