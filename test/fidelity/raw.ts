import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { vi } from "vitest";
import { onLines } from "../fixtures/lines.mjs";
import type { Message } from "../fixtures/upstream.mjs";
import { SocketClient } from "../harness/socket.ts";

type Id = string | number;

/** A message from the host, and the stream that it came on: `get`, `post <request id>`, or `pipe` where there is only one. */
export interface Received {
  message: Message;
  via: string;
}

/** Moves JSON as it is, without a schema that would hide or refuse something. */
export interface Pipe {
  send(message: Message): Promise<void>;
  close(): Promise<void>;
  /** HTTP: what the host answered to each POST, by status, in order. */
  statuses?: number[];
  /** HTTP: the session id that `initialize` gave. */
  session?(): string | undefined;
}

export type Deliver = (message: Message, via: string) => void;

/** A client that keeps every message and its stream. */
export class RawClient {
  readonly received: Received[] = [];
  /** How questions are answered; without it they stay open. */
  answer: ((request: Message) => Message | undefined) | undefined;
  pipe!: Pipe; // set by `open`, before anything can arrive
  #lastId = 0;

  static async open(open: (deliver: Deliver) => Promise<Pipe>): Promise<RawClient> {
    const client = new RawClient();
    client.pipe = await open((message, via) => client.#deliver(message, via));
    return client;
  }

  #deliver(message: Message, via: string): void {
    this.received.push({ message, via });
    if (message.method === undefined || message.id === undefined) return;
    const outcome = this.answer?.(message);
    if (outcome) void this.pipe.send({ jsonrpc: "2.0", id: message.id, ...outcome });
  }

  /** Initializes; gives the result. */
  async initialize(capabilities: Message = {}, more: Message = {}): Promise<Message> {
    const params = { protocolVersion: "2025-11-25", capabilities, clientInfo: { name: "raw", version: "1" }, ...more };
    const { result } = await this.request("initialize", params);
    await this.notify("notifications/initialized");
    return result;
  }

  /** Sends a request; gives its response, whatever it says. */
  async request(method: string, params?: Message, id: Id = this.nextId()): Promise<Message> {
    const from = this.received.length;
    await this.pipe.send({ jsonrpc: "2.0", id, method, ...(params && { params }) });
    const { message } = await this.next((one) => one.method === undefined && one.id === id, from);
    return message;
  }

  /** Calls a tool; gives the whole response. */
  call(name: string, args: Message = {}, more: Message = {}, id?: Id): Promise<Message> {
    return this.request("tools/call", { name, arguments: args, ...more }, id);
  }

  async notify(method: string, params?: Message): Promise<void> {
    await this.pipe.send({ jsonrpc: "2.0", method, ...(params && { params }) });
  }

  /** An id that was not used before. */
  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** The first message since `from` of which `wanted` is true; waits for it. */
  next(wanted: (message: Message) => boolean, from = 0): Promise<Received> {
    return vi.waitFor(
      () => {
        const found = this.received.slice(from).find(({ message }) => wanted(message));
        if (!found) throw new Error(`no such message came; there were ${JSON.stringify(this.received.slice(from)).slice(0, 2_000)}`);
        return found;
      },
      { interval: 5 },
    );
  }

  /** The messages with this method since `from`. */
  all(method: string, from = 0): Received[] {
    return this.received.slice(from).filter(({ message }) => message.method === method);
  }
}

/** Over Streamable HTTP: one POST per message, and a GET stream from `initialized` on. */
export async function httpPipe(url: URL, deliver: Deliver, more: Record<string, string> = {}): Promise<Pipe> {
  const abort = new AbortController();
  const statuses: number[] = [];
  let session: string | undefined;
  const headers = () => ({
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    ...(session !== undefined && { "mcp-session-id": session }),
    ...more,
  });

  async function read(response: Response, via: string): Promise<void> {
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
      const text = await response.text();
      if (text !== "") deliver(JSON.parse(text), via);
      return;
    }
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      const events = text.split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) {
        const data = event.split("\n").flatMap((line) => (line.startsWith("data:") ? [line.slice(5).trimStart()] : []));
        if (data.length > 0 && data.join("") !== "") deliver(JSON.parse(data.join("\n")), via);
      }
    }
  }
  const gone = () => {}; // the stream ends with the client

  return {
    statuses,
    session: () => session,
    async send(message) {
      const response = await fetch(url, { method: "POST", headers: headers(), body: JSON.stringify(message), signal: abort.signal });
      statuses.push(response.status);
      session ??= response.headers.get("mcp-session-id") ?? undefined;
      const reading = read(response, `post ${JSON.stringify(message.id)}`).catch(gone);
      if (message.method !== "notifications/initialized") return;
      await reading;
      const stream = await fetch(url, { headers: { ...headers(), accept: "text/event-stream" }, signal: abort.signal });
      void read(stream, "get").catch(gone);
    },
    async close() {
      await fetch(url, { method: "DELETE", headers: headers() });
      abort.abort();
    },
  };
}

/** Over the HTTP+SSE of 2024-11-05: one stream, and a POST per message. */
export async function ssePipe(url: URL, deliver: Deliver, headers: Record<string, string> = {}): Promise<Pipe> {
  const abort = new AbortController();
  const stream = await fetch(new URL("/sse", url), { headers: { accept: "text/event-stream", ...headers }, signal: abort.signal });
  if (!stream.ok) throw new Error(`HTTP ${stream.status}: ${await stream.text()}`);
  const endpoint = await new Promise<URL>((found, failed) => {
    const read = async (): Promise<void> => {
      let text = "";
      const decoder = new TextDecoder();
      for await (const chunk of stream.body ?? []) {
        text += decoder.decode(chunk, { stream: true });
        const events = text.split("\n\n");
        text = events.pop() ?? "";
        for (const event of events) {
          const [, name, data = ""] = /^event: (\w+)\ndata: (.*)$/s.exec(event) ?? [];
          if (name === "endpoint") found(new URL(data, url));
          else if (name === "message") deliver(JSON.parse(data), "pipe");
        }
      }
    };
    read().catch(failed); // once it is found, the stream ends with the client
  });
  return {
    async send(message) {
      const response = await fetch(endpoint, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(message),
        signal: abort.signal,
      });
      await response.text();
    },
    async close() {
      abort.abort();
    },
  };
}

/** Over WebSocket. */
export async function socketPipe(url: URL, deliver: Deliver, headers: Record<string, string> = {}): Promise<Pipe> {
  const client = await SocketClient.open(url, { headers });
  client.socket.on("message", (data) => deliver(JSON.parse(String(data)), "pipe"));
  return {
    async send(message) {
      client.send(message);
    },
    async close() {
      client.socket.close();
      await client.closed;
    },
  };
}

/** Over the standard streams of a process. */
export async function stdioPipe(command: string, args: string[], env: Record<string, string>, deliver: Deliver): Promise<Pipe> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "inherit"] });
  const exited = new Promise<void>((done) => child.once("exit", () => done()));
  return linePipe({ input: child.stdin, output: child.stdout, gone: exited }, deliver);
}

/** The ends of standard streams that a client has: what it writes, what it reads, and the end of the host behind them. */
export interface Streams {
  readonly input: Writable;
  readonly output: Readable;
  readonly gone: Promise<void>;
}

/** Over standard streams, a message a line. */
export async function linePipe({ input, output, gone }: Streams, deliver: Deliver): Promise<Pipe> {
  onLines(output, (line) => deliver(JSON.parse(line), "pipe"));
  return {
    async send(message) {
      input.write(`${JSON.stringify(message)}\n`);
    },
    async close() {
      input.end();
      await gone;
    },
  };
}

/** Over an SDK transport, such as one half of an in-memory pair. */
export async function transportPipe(transport: Transport, deliver: Deliver): Promise<Pipe> {
  transport.onmessage = (message) => deliver(structuredClone(message), "pipe");
  await transport.start();
  return {
    // What a test sends on purpose may be wider than the SDK's union of messages.
    send: (message) => transport.send(structuredClone(message) as JSONRPCMessage),
    close: () => transport.close(),
  };
}
