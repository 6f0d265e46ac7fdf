import { PassThrough, Writable } from "node:stream";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { Host } from "mcp-host";
import { vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { SocketClient } from "./socket.ts";

const KEY = "io.modelcontextprotocol/";

/** The ways in on which messages follow one another, without a header between them. */
export type PipeKind = "stdio" | "websocket" | "memory";

interface Wire {
  send(text: string): void;
  close(): void;
  /** Resolves when the host has ended it, or noticed that it is closed. */
  gone: Promise<unknown>;
}

/** A client on a pipe, which says what the test has it say: requests of the modern era (2026-07-28) unless it is told otherwise. */
export class ModernPipe {
  /** Everything that the host sent, in order. */
  readonly received: Message[] = [];
  gone: Promise<unknown> = Promise.resolve();
  #wire!: Wire; // set before anybody gets it
  #lastId = 0;

  /** @param url of a host that listens with `websocket` */
  static async open(kind: PipeKind, host: Host, url?: URL): Promise<ModernPipe> {
    const pipe = new ModernPipe();
    if (kind === "stdio") pipe.#wire = pipe.#stdio(host);
    else if (kind === "memory") pipe.#wire = await pipe.#memory(host);
    else pipe.#wire = await pipe.#socket(url as URL); // as is said above
    pipe.gone = pipe.#wire.gone;
    return pipe;
  }

  #stdio(host: Host): Wire {
    const input = new PassThrough();
    let rest = "";
    const output = new Writable({
      write: (chunk, _encoding, done) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        this.received.push(...lines.map((line) => JSON.parse(line)));
        done();
      },
    });
    return { send: (text) => input.write(`${text}\n`), close: () => input.end(), gone: host.serveStdio({ input, output }) };
  }

  async #memory(host: Host): Promise<Wire> {
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    await host.connect(theirs);
    ours.onmessage = (message) => this.received.push(JSON.parse(JSON.stringify(message)));
    const gone = new Promise<void>((resolve) => {
      ours.onclose = resolve;
    });
    await ours.start();
    return { send: (text) => void ours.send(JSON.parse(text)), close: () => void ours.close(), gone };
  }

  async #socket(url: URL): Promise<Wire> {
    const client = await SocketClient.open(url);
    client.socket.on("message", (data) => this.received.push(JSON.parse(String(data))));
    return { send: (text) => client.send(text), close: () => client.socket.close(), gone: client.closed };
  }

  /** Sends whatever it is given. */
  send(message: unknown): void {
    this.#wire.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** Sends a request; gives its id. */
  begin(
    method: string,
    params: Message = {},
    { id = ++this.#lastId, meta }: { id?: string | number; meta?: Message } = {},
  ): string | number {
    const envelope = {
      [`${KEY}protocolVersion`]: "2026-07-28",
      [`${KEY}clientInfo`]: { name: "raw-pipe", version: "1" },
      [`${KEY}clientCapabilities`]: {},
    };
    this.send({ jsonrpc: "2.0", id, method, params: { ...params, _meta: { ...envelope, ...meta } } });
    return id;
  }

  /** The response to a request. */
  answer(id: string | number | null): Promise<Message> {
    return vi.waitFor(
      () => {
        const found = this.received.find((message) => message.method === undefined && message.id === id);
        if (!found) throw new Error(`no answer to ${JSON.stringify(id)}: ${JSON.stringify(this.received).slice(0, 500)}`);
        return found;
      },
      { interval: 2, timeout: 5_000 },
    );
  }

  ask(method: string, params: Message = {}, options: { id?: string | number; meta?: Message } = {}): Promise<Message> {
    return this.answer(this.begin(method, params, options));
  }

  call(name: string, args: Message = {}, options: { id?: string | number; meta?: Message } = {}): Promise<Message> {
    return this.ask("tools/call", { name, arguments: args }, options);
  }

  /** Gives up what is in flight as the SDK does. */
  cancel(requestId: string | number): void {
    this.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId, reason: "changed my mind" } });
  }

  close(): void {
    this.#wire.close();
  }
}
