import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { ERRORS } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import type { Host } from "../host/host.ts";
import type { Id, Json, Notification, Request } from "../wire/message.ts";
import { LATEST_VERSION } from "../wire/versions.ts";
import { within } from "./deadline.ts";
import { JsonRpcEnd, JsonRpcError } from "./json-rpc-end.ts";

/** Who a test client is. */
export interface TestClientOptions {
  /** What it declares in `initialize`; default: nothing. */
  capabilities?: Json;
  /** Its `clientInfo`. */
  info?: Json;
  /** Default: `local`, with the roles of the config. */
  principal?: Principal;
  /** By which endpoint it comes, as a plugin opened it; default: the unnamed one. */
  endpoint?: string;
  /** The protocol version that it asks for; default: the newest that the host speaks. */
  version?: string;
}

export interface RequestOptions {
  /** Called with each progress notification's params; the request gets a progress token. */
  onProgress?(params: Json): void;
  /** Cancels the request: the host is told, and the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Params of a notification that came, with its method. */
export interface TestNotification {
  readonly method: string;
  readonly params: Json;
}

/** A client in memory that speaks plain JSON-RPC: it sends what it is given and hides nothing of what comes. */
export class TestClient implements AsyncDisposable {
  /** Every notification that came, in order. */
  readonly notifications: TestNotification[] = [];
  /** The answer to `initialize`. */
  readonly initialized: Json;
  readonly #end: JsonRpcEnd;
  readonly #answers: Answers;
  readonly #taken = new WeakSet<TestNotification>();
  #waiting: (() => void)[] = [];
  #nextToken = 1;
  readonly #progress = new Map<unknown, (params: Json) => void>();

  private constructor(end: JsonRpcEnd, answers: Answers, initialized: Json) {
    this.#end = end;
    this.#answers = answers;
    this.initialized = initialized;
  }

  /** Connects to a host and initializes. @throws TestRpcError where the host refuses */
  static async connect(host: Host, options: TestClientOptions = {}): Promise<TestClient> {
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    const { principal, endpoint } = options;
    await host.connect(theirs, { ...(principal && { principal }), ...(endpoint !== undefined && { endpoint }) });
    const answers: Answers = new Map();
    const early: Notification[] = [];
    let notified = (notification: Notification): void => void early.push(notification);
    const end = new JsonRpcEnd(ours, {
      request: (request) => void answerRequest(end, answers, request),
      notification: (notification) => notified(notification),
      closed() {},
    });
    await end.open();
    const { result } = end.request("initialize", {
      protocolVersion: options.version ?? LATEST_VERSION,
      capabilities: options.capabilities ?? {},
      clientInfo: options.info ?? { name: "test-client", version: "1.0.0" },
    });
    const client = new TestClient(end, answers, await within(result, "initialize"));
    notified = (notification) => client.#notified(notification);
    for (const notification of early) notified(notification);
    end.notify("notifications/initialized");
    return client;
  }

  /**
   * Sends a request and gives its result as it came.
   * @throws TestRpcError with the code, message and data of the host's error
   */
  async request(method: string, params?: Json, { onProgress, signal }: RequestOptions = {}): Promise<Json> {
    signal?.throwIfAborted();
    const token = onProgress && `progress-${this.#nextToken++}`;
    if (onProgress) this.#progress.set(token, onProgress);
    const sent = token === undefined ? params : { ...params, _meta: { ...(params?._meta as Json | undefined), progressToken: token } };
    const { id, result } = this.#end.request(method, sent);
    const cancel = (): void => this.#end.cancel(id, signal?.reason as Error);
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      return await within(result, `the answer to ${method}`);
    } finally {
      signal?.removeEventListener("abort", cancel);
      this.#progress.delete(token);
    }
  }

  /** `tools/call`. */
  callTool(name: string, args?: Json, options?: RequestOptions): Promise<Json> {
    return this.request("tools/call", { name, ...(args !== undefined && { arguments: args }) }, options);
  }

  /** `prompts/get`. */
  getPrompt(name: string, args?: Json): Promise<Json> {
    return this.request("prompts/get", { name, ...(args !== undefined && { arguments: args }) });
  }

  /** `resources/read`. */
  readResource(uri: string): Promise<Json> {
    return this.request("resources/read", { uri });
  }

  /** `tools/list`. */
  listTools(): Promise<Json[]> {
    return this.#list("tools/list", "tools");
  }

  /** `prompts/list`. */
  listPrompts(): Promise<Json[]> {
    return this.#list("prompts/list", "prompts");
  }

  /** `resources/list`. */
  listResources(): Promise<Json[]> {
    return this.#list("resources/list", "resources");
  }

  /** `resources/templates/list`. */
  listResourceTemplates(): Promise<Json[]> {
    return this.#list("resources/templates/list", "resourceTemplates");
  }

  /** The host gives every list in one page. What no upstream has is an empty one, as if the client had looked at the capabilities first. */
  async #list(method: string, field: string): Promise<Json[]> {
    try {
      const { [field]: items } = await this.request(method);
      return items as Json[]; // the host has checked every entry
    } catch (error) {
      if (error instanceof JsonRpcError && error.code === ERRORS.method_not_found.code) return [];
      throw error;
    }
  }

  notify(method: string, params?: Json): void {
    this.#end.notify(method, params);
  }

  /** Answers what the host asks with this method; without it the client answers that it knows no such method. A thrown TestRpcError is the answer. */
  on(method: string, answer: (params: Json) => Json | Promise<Json>): void {
    this.#answers.set(method, answer);
  }

  /** The params of the first notification with this method that no `until` gave before, now or when it comes. */
  until(method: string): Promise<Json> {
    const found = new Promise<Json>((resolve) => {
      const look = (): void => {
        const next = this.notifications.find((each) => each.method === method && !this.#taken.has(each));
        if (!next) return void this.#waiting.push(look);
        this.#taken.add(next);
        resolve(next.params);
      };
      look();
    });
    return within(found, `waiting for ${method} at the test client`);
  }

  /** Goes away. What is in flight is cancelled by the host. */
  async close(): Promise<void> {
    await this.#end.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #notified({ method, params = {} }: Notification): void {
    this.notifications.push({ method, params });
    if (method === "notifications/progress") this.#progress.get(params.progressToken)?.(params);
    for (const look of this.#waiting.splice(0)) look();
  }
}

type Answers = Map<string, (params: Json) => Json | Promise<Json>>;

function answerRequest(end: JsonRpcEnd, answers: Answers, request: Request & { id: Id }): Promise<void> {
  const { id, method, params = {} } = request;
  return end.answer(id, async () => {
    const answer = answers.get(method);
    if (answer) return answer(params);
    if (method === "ping") return {};
    throw new JsonRpcError(-32601, `Method not found: ${method}`);
  });
}
