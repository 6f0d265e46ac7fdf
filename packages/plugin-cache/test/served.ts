import { type CacheOptions, cache } from "@host/plugin-cache";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { Config, Host, Json } from "mcp-host";
import type { FakeClock } from "mcp-host/testing";
import { startHost } from "../../../test/harness/hosts.ts";

interface Message extends Json {
  id?: string | number;
  method?: string;
  params?: Json;
}

/** How a scripted server answers: `{ error }` is a JSON-RPC error, everything else a result. */
export type Answer = (params: Json, call: { id: unknown; server: Scripted }) => unknown;

/** A server of a test: what it answers, what reached it, and what it says by itself. */
export class Scripted {
  readonly answers: Record<string, Answer>;
  readonly tools: Json[];
  /** Requests that plugins are about, in order. */
  readonly received: { method: string; params: Json }[] = [];
  readonly cancelled: unknown[] = [];
  #links: Transport[] = [];
  #questions = new Map<unknown, (message: Message) => void>();

  constructor(tools: (string | Json)[], answers: Record<string, Answer> = {}) {
    this.tools = tools.map((tool) => ({ inputSchema: { type: "object" }, ...(typeof tool === "string" ? { name: tool } : tool) }));
    this.answers = answers;
  }

  /** Requests of one method; of tools those of one name. */
  count(name: string): number {
    return this.received.filter(({ method, params }) => method === name || params.name === name || params.uri === name).length;
  }

  notify(method: string, params?: Json): void {
    for (const link of this.#links) link.onmessage?.({ jsonrpc: "2.0", method, ...(params && { params }) });
  }

  ask(method: string, params: Json): Promise<Message> {
    const id = `ask-${this.#questions.size}`;
    return new Promise((resolve) => {
      this.#questions.set(id, resolve);
      for (const link of this.#links) link.onmessage?.({ jsonrpc: "2.0", id, method, params });
    });
  }

  /** Ends every connection, as a crash does. */
  crash(): void {
    for (const link of this.#links.splice(0)) link.onclose?.();
  }

  readonly transport = (): Transport => {
    const link: Transport = {
      start: async () => {},
      close: async () => link.onclose?.(),
      send: async (sent) => {
        const message = sent as unknown as Message; // a JSON-RPC message
        if (message.id === undefined) {
          if (message.method === "notifications/cancelled") this.cancelled.push(message.params?.requestId);
          return;
        }
        if (message.method === undefined) return this.#questions.get(message.id)?.(message);
        const answer = await this.#answer(message.method, message.params ?? {}, message.id);
        const body = typeof answer === "object" && answer !== null && "error" in answer ? answer : { result: answer };
        setImmediate(() => link.onmessage?.({ jsonrpc: "2.0", id: message.id, ...body } as never)); // one of both
      },
    };
    this.#links.push(link);
    return link;
  };

  #answer(method: string, params: Json, id: unknown): unknown {
    switch (method) {
      case "initialize":
        return {
          protocolVersion: params.protocolVersion,
          capabilities: { tools: { listChanged: true }, prompts: {}, resources: { subscribe: true }, completions: {}, tasks: {} },
          serverInfo: { name: "scripted", version: "1" },
        };
      case "tools/list":
        return { tools: this.tools };
      case "prompts/list":
        return { prompts: [{ name: "greet", arguments: [{ name: "name" }] }] };
      case "resources/list":
        return { resources: [{ uri: "test://a/1", name: "one" }] };
      case "resources/templates/list":
        return { resourceTemplates: [{ uriTemplate: "test://a/{id}", name: "any" }] };
      case "ping":
        return {};
      default: {
        this.received.push({ method, params });
        const own = this.answers[typeof params.name === "string" ? params.name : method];
        return own
          ? own(params, { id, server: this })
          : this.count(String(params.name ?? params.uri ?? method)) && numbered(this.received.length);
      }
    }
  }
}

/** A result that no other call gets. */
export function numbered(number: number): Json {
  return { content: [{ type: "text", text: String(number) }], contents: [], messages: [], completion: { values: [String(number)] } };
}

/** A client of a test, in this process. */
export class Asker {
  readonly notifications: Message[] = [];
  readonly asked: Message[] = [];
  /** Answers what the host asks; undefined: not yet. */
  reply: ((message: Message) => Json | undefined) | undefined;
  #id = 0;
  #waiting = new Map<unknown, { resolve(result: Json): void; reject(error: unknown): void }>();
  readonly transport: Transport = {
    start: async () => {},
    close: async () => this.transport.onclose?.(),
    send: async (sent) => this.#receive(sent as unknown as Message), // a JSON-RPC message
  };

  async initialize(capabilities: Json = {}): Promise<this> {
    const clientInfo = { name: "asker", version: "1" };
    await this.request("initialize", { protocolVersion: "2025-11-25", capabilities, clientInfo });
    this.#send({ method: "notifications/initialized" });
    return this;
  }

  request(method: string, params: Json): Promise<Json> {
    return this.begin(method, params).result;
  }

  call(name: string, args: Json = {}, more: Json = {}): Promise<Json> {
    return this.request("tools/call", { name, arguments: args, ...more });
  }

  /** The text of a call's result. */
  async text(name: string, args: Json = {}, more: Json = {}): Promise<string> {
    const { content } = (await this.call(name, args, more)) as { content: { text: string }[] };
    return content[0]?.text ?? "";
  }

  begin(method: string, params: Json): { result: Promise<Json>; cancel(): void } {
    const id = ++this.#id;
    const result = new Promise<Json>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    result.catch(() => {}); // whoever wants it awaits it
    this.#send({ id, method, params });
    return { result, cancel: () => this.#send({ method: "notifications/cancelled", params: { requestId: id } }) };
  }

  #send(message: Message): void {
    this.transport.onmessage?.({ jsonrpc: "2.0", ...message } as never); // as the caller made it
  }

  #receive(message: Message): void {
    if (message.method !== undefined && message.id !== undefined) {
      this.asked.push(message);
      const answer = this.reply?.(message);
      if (answer) setImmediate(() => this.#send({ id: message.id as number, result: answer })); // it has one
    } else if (message.method !== undefined) this.notifications.push(message);
    else if (message.error) this.#waiting.get(message.id)?.reject(message.error);
    else this.#waiting.get(message.id)?.resolve(message.result as Json);
  }
}

export interface Served extends AsyncDisposable {
  host: Host;
  /** The first client. */
  client: Asker;
  connect(capabilities?: Json): Promise<Asker>;
  stats(): Json;
  logs: Record<string, unknown>[];
}

/** A host with the plugin in front of these servers, all in this process, and a client of it. */
export async function served(
  servers: Record<string, Scripted>,
  options: CacheOptions = {},
  config: Partial<Config> & { upstream?: Json; before?: Config["plugins"]; capabilities?: Json; clock?: FakeClock } = {},
): Promise<Served> {
  const { upstream, before = [], capabilities, clock, ...rest } = config;
  const mcpServers = Object.fromEntries(Object.entries(servers).map(([key, { transport }]) => [key, { transport, ...upstream }]));
  const running = await startHost({ mcpServers, plugins: [...before, cache(options)], drain: 0, ...rest }, clock && { clock });
  const connect = async (own: Json = {}): Promise<Asker> => {
    const asker = new Asker();
    await running.host.connect(asker.transport);
    return asker.initialize(own);
  };
  return {
    host: running.host,
    client: await connect(capabilities),
    connect,
    stats: () => running.host.reports().cache as Json,
    logs: running.logs,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** Something that a test lets go. */
export function gate<T = void>(): { open(value: T): void; readonly opened: Promise<T> } {
  let open = (_: T): void => {};
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { open: (value) => open(value), opened };
}

/** A server whose tool `get` answers when it is let. */
export function gated(): { a: Scripted; gates: ReturnType<typeof gate<Json>>[] } {
  const gates: ReturnType<typeof gate<Json>>[] = [];
  const get = () => {
    const next = gate<Json>();
    gates.push(next);
    return next.opened;
  };
  return { a: new Scripted(["get", "set"], { get }), gates };
}
