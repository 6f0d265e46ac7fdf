import http, { type IncomingHttpHeaders } from "node:http";
import https from "node:https";
import net from "node:net";
import { definePlugin } from "mcp-host";
import type { Message } from "../fixtures/upstream.mjs";

/** An HTTP request as a test writes it. */
export interface Asked {
  /** Default: POST with a body, GET without. */
  method?: string;
  /** Default: the endpoint's. */
  path?: string;
  /** Beside what a well-behaved client sends; undefined leaves one of those out. */
  headers?: Record<string, string | string[] | undefined>;
  /** Text and bytes go out as they are, everything else as JSON. */
  body?: unknown;
  /** Without a Content-Length. */
  chunked?: boolean;
  /** Of an https: URL: what is trusted, and the name that the certificate has. */
  tls?: Tls | undefined;
}

export interface Tls {
  readonly ca: string;
  readonly servername: string;
}

/** An answer whose body may still be coming. */
export interface Incoming {
  status: number;
  headers: IncomingHttpHeaders;
  /** What has come so far. */
  text(): string;
  /** The JSON-RPC messages of that: the events of a stream, or the body. */
  messages(): Message[];
  /** Resolves at the end of the body, also of one that was cut off. */
  ended: Promise<void>;
  /** Drops the connection. */
  leave(): void;
  /** Reads no more. */
  pause(): void;
}

/** A whole answer. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  messages: Message[];
  /** The first message; of a batch's answer the array. */
  json: Message;
}

const CLIENT = { "content-type": "application/json", accept: "application/json, text/event-stream" };

/** Sends a request over a connection of its own and resolves when the head of the answer is there. */
export function open(url: URL, { method, path, headers, body, chunked, tls }: Asked = {}): Promise<Incoming> {
  const bytes =
    body === undefined
      ? undefined
      : Buffer.isBuffer(body) || typeof body === "string"
        ? Buffer.from(body)
        : Buffer.from(JSON.stringify(body));
  const all: Record<string, string | string[] | undefined> = { ...CLIENT, ...headers };
  if (bytes && !chunked) all["content-length"] ??= String(bytes.length);
  const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Record<string, string | string[]>; // undefined ones are left out
  return new Promise((resolve, reject) => {
    const { request: begin } = url.protocol === "https:" ? https : http;
    const request = begin(
      url,
      { method: method ?? (bytes ? "POST" : "GET"), path: path ?? url.pathname, headers: sent, agent: false, ...tls },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => {
          text += chunk;
        });
        const stream = response.headers["content-type"] === "text/event-stream";
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: () => text,
          messages: () => (stream ? events(text) : text === "" ? [] : [JSON.parse(text)].flat()),
          ended: new Promise((done) => response.once("close", done)),
          leave: () => void request.destroy(),
          pause: () => void response.pause(),
        });
      },
    );
    request.once("error", reject);
    request.end(bytes);
  });
}

/** Sends a request and waits for its whole answer. */
export async function ask(url: URL, asked: Asked = {}): Promise<Answer> {
  const { status, headers, ended, text, messages } = await open(url, asked);
  await ended;
  const whole = headers["content-type"] === "application/json" && text() !== ""; // a HEAD has none
  const json = whole ? JSON.parse(text()) : messages()[0];
  return { status, headers, text: text(), messages: messages(), json };
}

function events(text: string): Message[] {
  return text
    .split("\n\n")
    .flatMap((event) => event.split("\n").filter((line) => line.startsWith("data: ")))
    .map((line) => JSON.parse(line.slice(6)));
}

/** Writes bytes to the host's port; resolves with everything that comes back until the connection is closed. */
export function raw(url: URL, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(url.port), url.hostname, () => socket.write(bytes));
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    socket.once("close", () => resolve(text));
    socket.once("error", (error: NodeJS.ErrnoException) => (error.code === "ECONNRESET" ? resolve(text) : reject(error)));
  });
}

/** A client's session, spoken by hand. */
export class WireClient {
  readonly url: URL;
  readonly headers: Record<string, string>;
  /** The result of `initialize`. */
  server: Message = {};
  readonly #tls: Tls | undefined;
  #id = 0;

  private constructor(url: URL, headers: Record<string, string>, tls: Tls | undefined) {
    this.url = url;
    this.headers = headers;
    this.#tls = tls;
  }

  /** Initializes a session; says `initialized` unless told not to. */
  static async connect(
    url: URL,
    options: { version?: string; headers?: Record<string, string>; initialized?: boolean; capabilities?: object; tls?: Tls } = {},
  ): Promise<WireClient> {
    const { version = "2025-11-25", headers = {}, initialized = true, capabilities, tls } = options;
    const answer = await ask(url, { headers, body: initialize(version, 0, capabilities), tls });
    if (!answer.json?.result) throw new Error(`initialize was answered with ${answer.status} ${answer.text}`);
    const client = new WireClient(url, { ...headers, "mcp-session-id": String(answer.headers["mcp-session-id"]) }, tls);
    client.server = answer.json.result;
    client.headers["mcp-protocol-version"] = client.server.protocolVersion;
    if (initialized) await client.notify("notifications/initialized");
    return client;
  }

  get session(): string {
    return this.headers["mcp-session-id"] ?? "";
  }

  /** Any request on this session. */
  ask(asked: Asked = {}): Promise<Answer> {
    return ask(this.url, { tls: this.#tls, ...asked, headers: { ...this.headers, ...asked.headers } });
  }

  open(asked: Asked = {}): Promise<Incoming> {
    return open(this.url, { tls: this.#tls, ...asked, headers: { ...this.headers, ...asked.headers } });
  }

  /** A JSON-RPC request as a body. */
  body(method: string, params?: object, id: string | number = ++this.#id): Message {
    return { jsonrpc: "2.0", id, method, ...(params && { params }) };
  }

  request(method: string, params?: object, id?: string | number): Promise<Answer> {
    return this.ask({ body: this.body(method, params, id) });
  }

  /** Calls a tool; gives its `structuredContent`. */
  async call(name: string, args: object = {}, id?: string | number): Promise<Message> {
    const { messages, text } = await this.request("tools/call", { name, arguments: args }, id);
    const result = messages.at(-1)?.result;
    if (!result) throw new Error(`${name} was answered with ${text}`);
    return result.structuredContent;
  }

  notify(method: string, params?: object): Promise<Answer> {
    return this.ask({ body: { jsonrpc: "2.0", method, ...(params && { params }) } });
  }
}

export function initialize(protocolVersion = "2025-11-25", id: unknown = 0, capabilities: object = {}): Message {
  return {
    jsonrpc: "2.0",
    id,
    method: "initialize",
    params: { protocolVersion, capabilities, clientInfo: { name: "wire", version: "1" } },
  };
}

/** An auth plugin for tests: `Authorization: Bearer <name>:<role>,<role>` is the principal `<name>` with these roles. */
export const bearer = definePlugin({
  name: "bearer",
  host: "^1.0.0",
  apply(host) {
    host.hooks.authenticate.tap("bearer", ({ headers }) => {
      const [, id, roles] = /^Bearer (\w+)(?::(.+))?$/.exec(String(headers.authorization)) ?? [];
      return id === undefined ? undefined : { id, roles: roles?.split(",") ?? [] };
    });
  },
});
