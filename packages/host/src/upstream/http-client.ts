import http from "node:http";
import https from "node:https";

export interface HttpOptions {
  url: URL;
  headers: Readonly<Record<string, string>>;
}

const SOCKETS = 256;
const CLOSE_GRACE = 2_000;

/** The requests of Streamable HTTP to one server, with the headers of its session. Plain `node:http`: no conversion to web objects. */
export class HttpClient {
  readonly #agent: http.Agent;
  readonly #client: typeof http | typeof https;
  readonly #address: { readonly protocol: string; readonly hostname: string; readonly port: string };
  readonly #path: string;
  readonly #fixed: readonly string[];
  readonly #reached = new WeakSet<http.ClientRequest>();
  #headers: readonly string[];
  #session: string | undefined;
  #version: string | undefined;

  constructor({ url, headers }: HttpOptions) {
    this.#client = url.protocol === "https:" ? https : http;
    this.#agent = new this.#client.Agent({ keepAlive: true, maxSockets: SOCKETS, maxFreeSockets: SOCKETS, scheduling: "lifo" });
    this.#address = { protocol: url.protocol, hostname: url.hostname.replace(/^\[|\]$/g, ""), port: url.port };
    this.#path = url.pathname + url.search;
    const own = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
    // A flat list is written as it is, which spares a map per request.
    this.#fixed = [...(own.has("host") ? [] : ["Host", url.host]), ...Object.entries(headers).flat(), "Accept-Encoding", "identity"];
    this.#headers = this.#fixed;
  }

  /** The session that the server opened, if any. */
  get session(): string | undefined {
    return this.#session;
  }

  set session(session: string | undefined) {
    this.#session = session;
    this.#compose();
  }

  /** The negotiated protocol version, sent with every request from then on. */
  set version(version: string) {
    this.#version = version;
    this.#compose();
  }

  #compose(): void {
    this.#headers = [
      ...this.#fixed,
      ...(this.#session === undefined ? [] : ["Mcp-Session-Id", this.#session]),
      ...(this.#version === undefined ? [] : ["MCP-Protocol-Version", this.#version]),
    ];
  }

  /** @param path another path of the same server, after a redirect */
  post(body: string, path = this.#path): http.ClientRequest {
    const headers = [
      ...this.#headers,
      "Accept",
      "application/json, text/event-stream",
      "Content-Type",
      "application/json",
      "Content-Length",
      String(Buffer.byteLength(body)),
    ];
    const request = this.#client.request({ ...this.#address, path, method: "POST", agent: this.#agent, headers });
    request.once("socket", (socket) => {
      if (!socket.connecting) this.#reached.add(request);
      else socket.once(this.#address.protocol === "https:" ? "secureConnect" : "connect", () => this.#reached.add(request));
    });
    request.end(body);
    return request;
  }

  /** Whether the request had a connection, so that the server may have read it, whatever came of it afterwards. */
  reached(request: http.ClientRequest): boolean {
    return this.#reached.has(request);
  }

  get(lastEventId: string | undefined): http.ClientRequest {
    const headers = [...this.#headers, "Accept", "text/event-stream", ...(lastEventId === undefined ? [] : ["Last-Event-ID", lastEventId])];
    return this.#client.request({ ...this.#address, path: this.#path, method: "GET", agent: this.#agent, headers }).end();
  }

  /** Ends the server's session, if there is one, and every connection. */
  async close(): Promise<void> {
    if (this.#session !== undefined) await this.#delete();
    this.#agent.destroy();
  }

  /** On a connection of its own: those of the pool may all be waiting for a server that does not answer. */
  #delete(): Promise<void> {
    return new Promise((resolve) => {
      const request = this.#client.request({
        ...this.#address,
        path: this.#path,
        method: "DELETE",
        agent: false,
        headers: [...this.#headers],
      });
      const late = setTimeout(() => request.destroy(), CLOSE_GRACE);
      request.on("response", (response) => response.resume());
      request.on("error", () => {}); // told by close
      request.on("close", () => {
        clearTimeout(late);
        resolve();
      });
      request.end();
    });
  }
}
