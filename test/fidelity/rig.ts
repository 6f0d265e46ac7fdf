import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { type Notification, ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import type { Config } from "mcp-host";
import {
  createUpstream,
  createWorld,
  inProcessTransport,
  type Message,
  serveHttp,
  serveSse,
  serveWebSocket,
  type UpstreamOptions,
} from "../fixtures/upstream.mjs";
import {
  httpTransport,
  memoryTransport,
  sdkClient,
  socketTransport,
  sseTransport,
  stdioTransport,
  type WayIn,
} from "../harness/clients.ts";
import { BIN, MARKED, startHost, type TestHost, temporary, upstream } from "../harness/hosts.ts";
import { httpPipe, linePipe, RawClient, type Streams, socketPipe, ssePipe, stdioPipe, transportPipe } from "./raw.ts";

/** How the host reaches its upstreams. */
export type WayOut = "http" | "stdio" | "memory" | "sse" | "websocket";

/** Servers in this process for the ways out that have a URL. */
const SERVE = { http: serveHttp, sse: serveSse, websocket: serveWebSocket } as const;

/** Everything that a client can offer to a server. */
export const EVERYTHING = {
  sampling: { context: {}, tools: {} },
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
  tasks: { list: {}, cancel: {}, requests: { sampling: { createMessage: {} }, elicitation: { create: {} } } },
};

/** An upstream of a bench: options of the fixture, and of the host about it. */
export interface Settings extends UpstreamOptions {
  isolation?: "shared" | "session" | "principal";
  start?: "eager" | "lazy";
}

export interface BenchOptions {
  /** The host has no network front and its upstreams say nothing of isolation: its only client has them for itself. */
  sole?: boolean;
  limits?: Config["limits"];
  plugins?: Config["plugins"];
}

/** An SDK client that keeps the notifications it gets. */
export interface RecordingClient {
  client: Client;
  notifications: Notification[];
}

/** A host with its upstreams, one way in and one way out. Clients are connected as cases want them. */
export class Bench {
  readonly into: WayIn;
  readonly out: WayOut;
  readonly #upstreams: Record<string, Settings>;
  readonly #options: BenchOptions;
  readonly #ends: (() => Promise<unknown>)[] = [];
  #config: Promise<Config> | undefined;
  #host: Promise<TestHost> | undefined;
  #sdk: Promise<RecordingClient> | undefined;
  #raw: Promise<RawClient> | undefined;

  constructor(into: WayIn, out: WayOut, upstreams: Record<string, Settings>, options: BenchOptions) {
    this.into = into;
    this.out = out;
    this.#upstreams = upstreams;
    this.#options = options;
  }

  /** Whether the host can tell which call a message of the upstream's belongs to. */
  get attributes(): boolean {
    return this.out === "http";
  }

  /** Whether clients share connections, unless settings say otherwise. */
  get shares(): boolean {
    return this.attributes && this.into !== "stdio";
  }

  /** An SDK client that offers everything; the same one each time. */
  sdk(): Promise<RecordingClient> {
    this.#sdk ??= this.anotherSdk();
    return this.#sdk;
  }

  /** A raw client that offers everything; the same one each time. */
  raw(): Promise<RawClient> {
    this.#raw ??= this.anotherRaw();
    return this.#raw;
  }

  /** An SDK client of the case's own. */
  async anotherSdk(capabilities: Message = EVERYTHING): Promise<RecordingClient> {
    const client = sdkClient(capabilities);
    const notifications: Notification[] = [];
    client.fallbackNotificationHandler = async (notification) => void notifications.push(notification);
    await client.connect(await this.#transport());
    this.#ends.push(() => client.close());
    return { client, notifications };
  }

  /** A raw client of the case's own, initialized unless `capabilities` is null. */
  async anotherRaw(capabilities: Message | null = EVERYTHING): Promise<RawClient> {
    const client = await RawClient.open(async (deliver) => {
      if (this.into === "http") return httpPipe((await this.host()).url, deliver);
      if (this.into === "sse") return ssePipe((await this.host()).url, deliver);
      if (this.into === "websocket") return socketPipe((await this.host()).url, deliver);
      if (this.into === "memory") return transportPipe(await memoryTransport((await this.host()).host), deliver);
      if (!this.#isProcess) return linePipe(await this.#streams(), deliver);
      const [command, ...args] = await this.#command();
      return stdioPipe(command as string, args, MARKED, deliver);
    });
    this.#ends.push(() => client.pipe.close());
    if (capabilities !== null) await client.initialize(capabilities);
    return client;
  }

  async #transport(): Promise<Transport> {
    if (this.into === "http") return httpTransport((await this.host()).url);
    if (this.into === "sse") return sseTransport((await this.host()).url);
    if (this.into === "websocket") return socketTransport((await this.host()).url);
    if (this.into === "memory") return memoryTransport((await this.host()).host);
    if (!this.#isProcess) {
      const { input, output } = await this.#streams();
      return new StdioServerTransport(output, input); // a client's end frames messages just as a server's does
    }
    const [command, ...args] = await this.#command();
    return stdioTransport(command as string, args, MARKED);
  }

  /** Whether clients over stdio start the command that ships, as they do in life. With one way out that is shown: processes take their time. */
  get #isProcess(): boolean {
    return this.out === "stdio";
  }

  /** A client's ends of the standard streams of a host in this process, which has that client alone. */
  async #streams(): Promise<Streams> {
    const { host } = await startHost({ ...(await this.config()), listen: null });
    const [input, output] = [new PassThrough(), new PassThrough()];
    const gone = host.serveStdio({ input, output });
    this.#ends.push(async () => {
      input.end();
      await gone;
      await host.close();
    });
    return { input, output, gone };
  }

  /** What starts a host over stdio. */
  async #command(): Promise<string[]> {
    const folder = temporary({ "mcp-host.config.json": JSON.stringify(await this.config()) });
    this.#ends.push(async () => folder[Symbol.dispose]());
    return [process.execPath, BIN, "start", "stdio", "--config", join(folder.path, "mcp-host.config.json"), "--log-level", "error"];
  }

  /** The host in this process; each client over stdio has one of its own. */
  host(): Promise<TestHost> {
    const listen = this.#options.sole ? null : { sse: this.into === "sse", websocket: this.into === "websocket" };
    this.#host ??= this.config().then(async (config) => {
      const host = await startHost({ ...config, listen });
      this.#ends.push(() => host.host.close());
      return host;
    });
    return this.#host;
  }

  config(): Promise<Config> {
    this.#config ??= this.#makeConfig();
    return this.#config;
  }

  async #makeConfig(): Promise<Config> {
    const servers: [string, Record<string, unknown>][] = [];
    for (const [key, { isolation, start, ...options }] of Object.entries(this.#upstreams)) {
      const settings = { isolation: isolation ?? this.#isolation, healthInterval: 0, ...(start && { start }) };
      servers.push([key, { ...settings, ...(await this.#server({ name: key, ...options })) }]);
    }
    // The forms of a server, told apart by the way out.
    const { limits, plugins } = this.#options;
    return { mcpServers: Object.fromEntries(servers), ...(limits && { limits }), ...(plugins && { plugins }) } as Config;
  }

  /** Wires that cannot attribute questions to calls need connections of one session, if clients are not alone anyway. */
  get #isolation(): "shared" | "session" {
    return this.attributes || this.into === "stdio" || this.#options.sole ? "shared" : "session";
  }

  async #server(options: UpstreamOptions): Promise<Record<string, unknown>> {
    if (this.out === "stdio") return { ...upstream({ ...options }), relayRoots: true };
    if (this.out === "memory") {
      const world = createWorld(options);
      return { transport: () => inProcessTransport(options, world) };
    }
    const server = await SERVE[this.out](options);
    this.#ends.push(() => server.close());
    return { type: this.out, url: server.url };
  }

  async close(): Promise<void> {
    // Clients before their host, the host before its upstreams.
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}

/** One way in and one way out, with the benches that its cases share. */
export class Rig {
  readonly into: WayIn;
  readonly out: WayOut;
  readonly #benches = new Map<string, Bench>();

  readonly #plugins: Config["plugins"];

  constructor(into: WayIn, out: WayOut, plugins?: Config["plugins"]) {
    this.into = into;
    this.out = out;
    this.#plugins = plugins;
  }

  /** The bench with these upstreams; one `up` with everything by default. */
  bench(upstreams: Record<string, Settings> = { up: {} }, options: BenchOptions = {}): Bench {
    const key = JSON.stringify([upstreams, options]);
    let bench = this.#benches.get(key);
    if (!bench)
      this.#benches.set(
        key,
        (bench = new Bench(this.into, this.out, upstreams, { ...options, ...(this.#plugins && { plugins: this.#plugins }) })),
      );
    return bench;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#benches.values()].map((bench) => bench.close()));
  }
}

/** A case: one claim of a row, on one rig. */
export type Case = (rig: Rig) => Promise<void>;
/** Cases by row (`direction message`) and by key within the row. */
export type Cases = Record<string, Record<string, Case>>;

/** Sends a request with the SDK's client and gives the whole result: no schema that drops fields. */
export function ask(client: Client, method: string, params?: Message): Promise<Message> {
  return client.request({ method, ...(params && { params }) }, ResultSchema);
}

/** Calls a tool with the SDK's client and gives what it reports. */
export async function probe(client: Client, name: string, args: Message = {}): Promise<Message> {
  const result = await ask(client, "tools/call", { name, arguments: args });
  return result.structuredContent as Message;
}

/** What the upstream with these options answers when it is asked directly, without a host between. */
export async function direct(options: UpstreamOptions, method: string, params?: Message): Promise<Message> {
  const upstream = createUpstream(options);
  const send = (id: number, name: string, sent?: Message) =>
    new Promise<Message>((answered) => {
      void upstream.handle({ jsonrpc: "2.0", id, method: name, params: sent }, (message) => {
        if (message.id === id && message.method === undefined) answered(message);
      });
    });
  await send(1, "initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "direct", version: "1" } });
  const answer = await send(2, method, params);
  upstream.close();
  return answer.error ? { error: answer.error } : answer.result;
}
