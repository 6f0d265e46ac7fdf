import http from "node:http";
import type { Message } from "../fixtures/upstream.mjs";

/** What came back on one POST, GET or DELETE, and on no other. */
export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Every message of the answer, in order. */
  messages: Message[];
}

export interface CallOptions {
  id?: string | number;
  meta?: Message;
}

/**
 * A client on bare `node:http` with connections of its own that are kept alive: it sends ids and tokens as told and keeps apart what
 * came on which stream.
 */
export class RawHttp {
  readonly url: URL;
  /** Sent with every request. */
  readonly headers: Record<string, string>;
  /** The session id that `initialize` gave. */
  session: string | undefined;
  /** The result of `initialize`. */
  server: Message = {};
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  #lastId = 0;

  constructor(url: URL, headers: Record<string, string> = {}) {
    this.url = url;
    this.headers = headers;
  }

  /** A client that has initialized. */
  static async open(url: URL, options: { capabilities?: Message; headers?: Record<string, string>; name?: string } = {}): Promise<RawHttp> {
    const client = new RawHttp(url, options.headers);
    const { capabilities = {}, name = "raw" } = options;
    const params = { protocolVersion: "2025-11-25", capabilities, clientInfo: { name, version: "1" } };
    const { status, headers, messages } = await client.post({ jsonrpc: "2.0", id: "initialize", method: "initialize", params });
    if (status !== 200) throw new Error(`initialize was answered with HTTP ${status}: ${JSON.stringify(messages)}`);
    client.session = headers["mcp-session-id"] as string;
    client.server = messages.at(-1)?.result;
    await client.post({ jsonrpc: "2.0", method: "notifications/initialized" });
    return client;
  }

  /** Sends one message; resolves when its answer has ended, however it ended. */
  post(message: Message, headers: Record<string, string> = {}): Promise<Answer> {
    return this.request("POST", headers, message);
  }

  /** The response to a request. Rejects when there was none. */
  async ask(method: string, params?: Message, id: string | number = this.nextId()): Promise<Message> {
    const answer = await this.post({ jsonrpc: "2.0", id, method, ...(params && { params }) });
    const response = answer.messages.find((message) => message.method === undefined);
    if (!response) throw new Error(`no answer to ${method}: HTTP ${answer.status} ${JSON.stringify(answer.messages).slice(0, 500)}`);
    return response;
  }

  call(name: string, args: Message = {}, { id, meta }: CallOptions = {}): Promise<Message> {
    return this.ask("tools/call", { name, arguments: args, ...(meta && { _meta: meta }) }, id);
  }

  async tools(): Promise<string[]> {
    const { result } = await this.ask("tools/list");
    return result.tools.map(({ name }: Message) => name);
  }

  /** Opens the GET stream; what comes on it is added to `messages`. */
  async listen(): Promise<{ status: number; messages: Message[]; readonly isOpen: boolean; close(): void }> {
    const messages: Message[] = [];
    const request = this.#send("GET", { accept: "text/event-stream" });
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => request.on("response", resolve).on("error", reject));
    request.on("error", () => {}); // closed by the test or the host
    let isOpen = true;
    void read(response, messages).then(() => {
      isOpen = false;
    });
    return {
      status: response.statusCode ?? 0,
      messages,
      get isOpen() {
        return isOpen;
      },
      close: () => request.destroy(),
    };
  }

  /** Ends the session and the connections. */
  async close(): Promise<void> {
    await this.request("DELETE");
    this.#agent.destroy();
  }

  request(method: string, headers: Record<string, string> = {}, message?: Message): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = this.#send(method, headers, message === undefined ? undefined : JSON.stringify(message));
      request.on("error", reject);
      request.on("response", (response) => {
        const messages: Message[] = [];
        void read(response, messages).then(() => resolve({ status: response.statusCode ?? 0, headers: response.headers, messages }));
      });
    });
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  #send(method: string, more: Record<string, string>, body?: string): http.ClientRequest {
    const headers = {
      accept: "application/json, text/event-stream",
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(this.session !== undefined && { "mcp-session-id": this.session }),
      ...this.headers,
      ...more,
    };
    return http.request(this.url, { method, agent: this.#agent, headers }).end(body);
  }
}

/** Adds the messages of a JSON or event-stream body to a list as they come; resolves when the body has ended or broken. */
function read(response: http.IncomingMessage, messages: Message[]): Promise<void> {
  const events = response.headers["content-type"]?.startsWith("text/event-stream");
  let text = "";
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => {
    text += chunk;
    if (!events || !chunk.includes("\n")) return;
    const parts = text.split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) {
      const data = part.split("\n").filter((line) => line.startsWith("data: "));
      if (data.length > 0) messages.push(JSON.parse(data.map((line) => line.slice("data: ".length)).join("\n")));
    }
  });
  return new Promise((resolve) => {
    response.on("error", () => {}); // told by close
    response.on("close", () => {
      if (!events && text !== "" && response.complete) messages.push(JSON.parse(text));
      resolve();
    });
  });
}
