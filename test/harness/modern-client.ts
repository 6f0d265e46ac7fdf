import http from "node:http";
import type { Message } from "../fixtures/upstream.mjs";

const KEY = "io.modelcontextprotocol/";

/** What came back on one request of the modern era. */
export interface ModernAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Every message of the answer, in order. */
  messages: Message[];
}

export interface ModernOptions {
  id?: string | number;
  /** Headers that are sent instead of, or besides, what belongs to the request; undefined leaves one out. */
  headers?: Record<string, string | string[] | undefined>;
  /** Keys of `_meta` that are sent instead of, or besides, the envelope's. */
  meta?: Message;
}

/** A client of the modern era (2026-07-28) on bare `node:http`: each request is for itself, and says what the test has it say. */
export class ModernHttp {
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly #agent: http.Agent | undefined;
  #lastId = 0;

  /** @param agent whose sockets it uses, instead of those that all have in common */
  constructor(url: URL, headers: Record<string, string> = {}, agent?: http.Agent) {
    this.url = url;
    this.headers = headers;
    this.#agent = agent;
  }

  /** The response of a request, which must have one. */
  async ask(method: string, params: Message = {}, options: ModernOptions = {}): Promise<Message> {
    const { status, messages } = await this.send(method, params, options);
    const response = messages.find((message) => message.method === undefined);
    if (!response) throw new Error(`no answer to ${method}: HTTP ${status} ${JSON.stringify(messages).slice(0, 500)}`);
    return response;
  }

  call(name: string, args: Message = {}, options?: ModernOptions): Promise<Message> {
    return this.ask("tools/call", { name, arguments: args }, options);
  }

  /** Sends a request; resolves when its answer has ended. */
  send(method: string, params: Message = {}, options: ModernOptions = {}): Promise<ModernAnswer> {
    return this.open(method, params, options).answer;
  }

  /** Sends a request; what comes is added to `messages` at once, and `close` hangs up. */
  open(
    method: string,
    params: Message = {},
    { id = ++this.#lastId, headers, meta }: ModernOptions = {},
  ): { messages: Message[]; answer: Promise<ModernAnswer>; close(): void } {
    const { name, uri, taskId } = params;
    const named = method.startsWith("tasks/") ? taskId : { "tools/call": name, "prompts/get": name, "resources/read": uri }[method];
    const envelope = {
      [`${KEY}protocolVersion`]: "2026-07-28",
      [`${KEY}clientInfo`]: { name: "raw-modern", version: "1" },
      [`${KEY}clientCapabilities`]: {},
    };
    const own = {
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(named !== undefined && { "mcp-name": named }),
      ...headers,
    };
    return this.post({ jsonrpc: "2.0", id, method, params: { ...params, _meta: { ...envelope, ...meta } } }, own);
  }

  /** Sends whatever it is given. */
  post(
    body: unknown,
    headers: Record<string, string | string[] | undefined>,
    method = "POST",
  ): { messages: Message[]; answer: Promise<ModernAnswer>; close(): void } {
    const messages: Message[] = [];
    const all = { accept: "application/json, text/event-stream", "content-type": "application/json", ...this.headers, ...headers };
    const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    const request = http.request(this.url, { method, headers: sent as Record<string, string>, agent: this.#agent });
    const answer = new Promise<ModernAnswer>((resolve, reject) => {
      request.on("error", reject);
      request.on("response", (response) => {
        const events = response.headers["content-type"]?.startsWith("text/event-stream");
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (!events) return;
          const parts = text.split("\n\n");
          text = parts.pop() ?? "";
          for (const part of parts) {
            const data = part.split("\n").filter((line) => line.startsWith("data: "));
            if (data.length > 0) messages.push(JSON.parse(data.map((line) => line.slice("data: ".length)).join("\n")));
          }
        });
        response.on("error", () => {}); // told by close
        response.on("close", () => {
          if (!events && text !== "") messages.push(JSON.parse(text));
          resolve({ status: response.statusCode ?? 0, headers: response.headers, messages });
        });
      });
    });
    request.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body));
    return { messages, answer, close: () => request.destroy() };
  }
}
