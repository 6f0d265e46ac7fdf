import { type TransformOptions, transform } from "@host/plugin-transform";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { JSONRPCMessage, JSONRPCNotification, JSONRPCRequest } from "@modelcontextprotocol/sdk/types.js";
import type { Config, Host } from "mcp-host";
import type { FakeClock } from "mcp-host/testing";
import { memoryTransport, sdkClient } from "../../../test/harness/clients.ts";
import { startHost } from "../../../test/harness/hosts.ts";

type Json = Record<string, unknown>;

export class Failure extends Error {
  readonly rpc: { code: number; message: string; data?: unknown };
  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.rpc = { code, message, ...(data !== undefined && { data }) };
  }
}

/** What a server of a test offers and answers. */
export interface Script {
  tools?: Json[];
  prompts?: Json[];
  resources?: Json[];
  templates?: Json[];
  /** Answers everything that is no list. */
  answer?: (method: string, params: Json, notify: (method: string, params: Json) => void) => unknown;
}

/** A server in this process, and every request that reached it. */
export class Server {
  readonly requests: { method: string; params: Json }[] = [];
  readonly #script: Script;
  #own: InMemoryTransport | undefined;

  constructor(script: Script) {
    this.#script = script;
  }

  /** The arguments of the last call that arrived. */
  get arguments(): unknown {
    return this.requests.at(-1)?.params.arguments;
  }

  readonly transport = (): InMemoryTransport => {
    const [own, theirs] = InMemoryTransport.createLinkedPair();
    own.onmessage = (message) => {
      if ("method" in message && "id" in message) void this.#answer(message, own);
    };
    void own.start();
    this.#own = own;
    return theirs;
  };

  notify(method: string, params: Json): void {
    void this.#own?.send({ jsonrpc: "2.0", method, params } as JSONRPCNotification);
  }

  async #answer(request: JSONRPCRequest, own: InMemoryTransport): Promise<void> {
    const { method, id } = request;
    const params = (request.params ?? {}) as Json;
    let answer: object;
    try {
      answer = { result: await this.#result(method, params) };
    } catch (error) {
      answer = { error: error instanceof Failure ? error.rpc : { code: -32603, message: String(error) } };
    }
    await own.send({ jsonrpc: "2.0", id, ...answer } as JSONRPCMessage);
  }

  #result(method: string, params: Json): unknown {
    const { tools = [], prompts = [], resources = [], templates = [], answer } = this.#script;
    switch (method) {
      case "initialize":
        return {
          protocolVersion: "2025-11-25",
          capabilities: {
            tools: {},
            prompts: {},
            resources: {},
            completions: {},
            logging: {},
            tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
          },
          serverInfo: { name: "scripted", version: "1" },
        };
      case "ping":
      case "logging/setLevel":
        return {};
      case "tools/list":
        return { tools: tools.map((tool) => ({ inputSchema: { type: "object" }, ...tool })) };
      case "prompts/list":
        return { prompts };
      case "resources/list":
        return { resources };
      case "resources/templates/list":
        return { resourceTemplates: templates };
      default:
        this.requests.push({ method, params });
        return answer?.(method, params, (each, about) => this.notify(each, about)) ?? { content: [{ type: "text", text: "done" }] };
    }
  }
}

export interface Hosted extends AsyncDisposable {
  host: Host;
  client: Client;
  server: Server;
  logs: Record<string, unknown>[];
  /** Another client of the same host. */
  connect(): Promise<Client>;
  /** The listed tool of this name. */
  tool(name: string): Promise<Json>;
  /** The text of a call's result, block by block. */
  text(name: string, args?: Json): Promise<string[]>;
}

/** A host with the plugin in front of one server `one`, and a client. */
export async function hosted(
  script: Script,
  options: TransformOptions,
  more: { before?: Config["plugins"]; after?: Config["plugins"]; clock?: FakeClock } = {},
): Promise<Hosted> {
  const server = new Server(script);
  const { before = [], after = [], clock } = more;
  const plugins = [...before, transform(options), ...after];
  const running = await startHost({ listen: null, mcpServers: { one: { transport: server.transport } }, plugins }, clock && { clock });
  const clients: Client[] = [];
  const connect = async (): Promise<Client> => {
    const client = sdkClient();
    await client.connect(await memoryTransport(running.host));
    clients.push(client);
    return client;
  };
  const client = await connect();
  return {
    host: running.host,
    client,
    server,
    logs: running.logs,
    connect,
    async tool(name) {
      const found = (await client.listTools()).tools.find((tool) => tool.name === name);
      if (!found) throw new Error(`there is no tool ${name}`);
      return found;
    },
    async text(name, args = {}) {
      const { content } = await client.callTool({ name, arguments: args });
      return (content as { text?: string }[]).map(({ text }) => text ?? "");
    },
    async [Symbol.asyncDispose]() {
      for (const each of clients) await each.close();
      await running[Symbol.asyncDispose]();
    },
  };
}

/** A tool's answer that says a value twice, as the specification advises. */
export const twice = (value: unknown): Json => ({ content: [{ type: "text", text: JSON.stringify(value) }], structuredContent: value });

export const says = (text: string): Json => ({ content: [{ type: "text", text }] });
