/** A request that was answered with a JSON-RPC error. `type` is the host's name for it, or an upstream's code. */
export class RpcFailure extends Error {
  readonly type: string;

  constructor({ code, message, data }: { code: number; message: string; data?: { origin?: string; type?: string } }) {
    super(message);
    this.type = data?.origin === "mcp-host" && data.type ? data.type : String(code);
  }
}

type Result = Record<string, unknown>;

/** A client over Streamable HTTP that sends a bearer key, if it has one, and lets every request and every error be counted: one POST is one request. */
export class KeyedClient {
  readonly #url: URL;
  readonly #headers: Record<string, string>;
  #id = 0;

  private constructor(url: URL, key: string | undefined) {
    this.#url = url;
    this.#headers = {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    };
  }

  /** Opens a session; without a key as nobody in particular. */
  static async open(url: URL, key?: string): Promise<KeyedClient> {
    const client = new KeyedClient(url, key);
    const clientInfo = { name: "keyed-client", version: "1.0.0" };
    await client.request("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo });
    await client.#post({ jsonrpc: "2.0", method: "notifications/initialized" });
    return client;
  }

  async request(method: string, params: Result): Promise<Result> {
    const id = ++this.#id;
    const response = await this.#post({ jsonrpc: "2.0", id, method, params });
    const session = response.headers.get("mcp-session-id");
    if (session) this.#headers["mcp-session-id"] = session;
    const text = await response.text();
    const json = response.headers.get("content-type") === "application/json" ? text : (text.match(/^data: (.*)$/gm) ?? []).at(-1)?.slice(6);
    const answer = JSON.parse(json ?? "null");
    if (answer?.id !== id) throw new Error(`HTTP ${response.status}: ${text}`);
    if (answer.error) throw new RpcFailure(answer.error);
    return answer.result;
  }

  #post(message: object): Promise<Response> {
    return fetch(this.#url, { method: "POST", headers: this.#headers, body: JSON.stringify(message) });
  }

  async close(): Promise<void> {
    await fetch(this.#url, { method: "DELETE", headers: this.#headers });
  }
}
