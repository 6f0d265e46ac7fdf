import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { ERRORS } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import type { Host } from "../host/host.ts";
import { type Id, isObject, type Json, type Notification, type Request } from "../wire/message.ts";
import { type Round, type Stamp, stampRequest, subscriptionOf } from "../wire/modern.ts";
import { LATEST_VERSION, MODERN_VERSIONS } from "../wire/versions.ts";
import { within } from "./deadline.ts";
import { ExplainedError, JsonRpcEnd, JsonRpcError } from "./json-rpc-end.ts";

/** Who a test client is. */
export interface TestClientOptions {
  /**
   * Which era of MCP it speaks: `legacy` that of 2025-11-25 and older, which begins with `initialize`; `modern` that of
   * 2026-07-28, where each request says who sends it and nothing else is remembered. Default: `legacy`.
   */
  era?: "legacy" | "modern";
  /** What it declares, in `initialize` or in each request; default: nothing. */
  capabilities?: Json;
  /** Its `clientInfo`. */
  info?: Json;
  /** Default: `local`, with the roles of the config. */
  principal?: Principal;
  /** By which endpoint it comes, as a plugin opened it; default: the unnamed one. */
  endpoint?: string;
  /** The protocol version that it asks for; default: the newest of its era that the host speaks. */
  version?: string;
  /** The least grave log messages that it wants; default: in the legacy era whatever comes, in the modern one none. */
  logLevel?: string;
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

/** What a client is told of for as long as it wants: a `subscriptions/listen`. */
export interface TestSubscription {
  /** What of all it wanted the host has agreed to tell. */
  readonly agreed: Json;
  /** The answer, once the host ends it. */
  readonly ended: Promise<Json>;
  /** Wants to hear no more. */
  close(): void;
}

/** A host that asks more often asks for ever. */
const ROUNDS = 10;

/** A client in memory that speaks plain JSON-RPC: it sends what it is given and hides nothing of what comes. */
export class TestClient implements AsyncDisposable {
  /** Every notification that came, in order. */
  readonly notifications: TestNotification[] = [];
  /** The answer to `initialize`; in the modern era that to `server/discover`. */
  readonly initialized: Json;
  /** Every answer that asked something first (`input_required`), in order. */
  readonly rounds: Json[] = [];
  readonly #end: JsonRpcEnd;
  readonly #answers: Answers;
  readonly #taken = new WeakSet<TestNotification>();
  #waiting: (() => void)[] = [];
  #nextToken = 1;
  readonly #progress = new Map<unknown, (params: Json) => void>();

  /** What a request of the modern era is stamped with. */
  readonly #stamp: Stamped | undefined;

  readonly #explain: Explain;

  private constructor(end: JsonRpcEnd, answers: Answers, stamp: Stamped | undefined, initialized: Json, explain: Explain) {
    this.#explain = explain;
    this.#end = end;
    this.#answers = answers;
    this.#stamp = stamp;
    this.initialized = initialized;
  }

  /**
   * Connects to a host and initializes.
   * @param explain why a plugin failed, where that is why the host answers with an error: what no client is told
   * @throws TestRpcError where the host refuses
   */
  static async connect(host: Host, options: TestClientOptions = {}, explain: Explain = () => undefined): Promise<TestClient> {
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    const { principal, endpoint, capabilities = {}, info = { name: "test-client", version: "1.0.0" }, logLevel } = options;
    await host.connect(theirs, { ...(principal && { principal }), ...(endpoint !== undefined && { endpoint }) });
    const answers: Answers = new Map();
    const early: Notification[] = [];
    let notified = (notification: Notification): void => void early.push(notification);
    const end = new JsonRpcEnd(ours, {
      request: (request) => void end.answer(request.id as Id, () => answerTo(answers, request)),
      notification: (notification) => notified(notification),
      closed() {},
    });
    await end.open();
    const isModern = options.era === "modern";
    const version = options.version ?? (isModern ? MODERN_VERSIONS[0] : LATEST_VERSION);
    const stamp = isModern ? { version, info, capabilities, logLevel } : undefined;
    const { result } = stamp
      ? end.request("server/discover", stampRequest(undefined, version, stamp))
      : end.request("initialize", { protocolVersion: version, capabilities, clientInfo: info });
    const first = isModern ? "server/discover" : "initialize";
    const initialized = await within(result, first).catch((error: unknown) => rethrow(error, explain));
    const client = new TestClient(end, answers, stamp, initialized, explain);
    notified = (notification) => client.#notified(notification);
    for (const notification of early) notified(notification);
    if (isModern) return client;
    end.notify("notifications/initialized");
    if (logLevel !== undefined) await client.request("logging/setLevel", { level: logLevel });
    return client;
  }

  /**
   * Sends a request and gives its result as it came. Where a host of the modern era asks something first
   * (`input_required`), that is answered by `on` and the request sent again, unless there is a question that nothing answers.
   * @throws TestRpcError with the code, message and data of the host's error
   */
  async request(method: string, params?: Json, options: RequestOptions = {}): Promise<Json> {
    const { inputResponses, requestState } = params ?? {};
    let round = { inputResponses, requestState } as Round; // as the test words it
    for (let rounds = 0; ; rounds++) {
      const result = await this.#send(method, params, round, options);
      if (result.resultType !== "input_required") return result;
      this.rounds.push(result);
      if (rounds === ROUNDS) throw new Error(`${method} was answered with questions ${rounds} times`);
      const asked = Object.entries((result.inputRequests ?? {}) as Record<string, Request>); // the host writes no others
      if (asked.some(([, { method }]) => !this.#answers.has(method))) return result;
      const answered = asked.map(async ([key, question]) => [key, await answerTo(this.#answers, question)]);
      const answers = within(Promise.all(answered), `the answers to what ${method} asks`);
      const responses = Object.fromEntries(await unlessAborted(answers, options.signal)) as Json;
      round = { ...(asked.length > 0 && { inputResponses: responses }), requestState: result.requestState as string };
    }
  }

  async #send(method: string, params: Json | undefined, round: Round, { onProgress, signal }: RequestOptions): Promise<Json> {
    signal?.throwIfAborted();
    const token = onProgress && `progress-${this.#nextToken++}`;
    if (onProgress) this.#progress.set(token, onProgress);
    const sent = token === undefined ? params : { ...params, _meta: { ...(params?._meta as Json | undefined), progressToken: token } };
    const { id, result } = this.#end.request(method, this.#stamped(sent, round));
    const cancel = (): void => this.#end.cancel(id, signal?.reason as Error);
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      return await within(result, `the answer to ${method}`);
    } catch (error) {
      return rethrow(error, this.#explain);
    } finally {
      signal?.removeEventListener("abort", cancel);
      this.#progress.delete(token);
    }
  }

  /** Params as they go out. */
  #stamped(params: Json | undefined, round?: Round): Json | undefined {
    return this.#stamp ? stampRequest(params, this.#stamp.version, this.#stamp, round) : params;
  }

  /** `subscriptions/listen`: resolves when the host has agreed. What it tells is in `notifications`. */
  async listen(notifications: Json): Promise<TestSubscription> {
    const { id, result } = this.#end.request("subscriptions/listen", this.#stamped({ notifications }));
    const isAgreed = ({ method, params }: TestNotification): boolean =>
      method === "notifications/subscriptions/acknowledged" && subscriptionOf(params) === id;
    const refused = result.then(() => Promise.reject(new Error("subscriptions/listen was answered before it was acknowledged")));
    const agreed = await within(Promise.race([this.#next(isAgreed), refused]), "the acknowledgment of subscriptions/listen");
    result.catch(() => {}); // nobody need wait for it
    refused.catch(() => {}); // as above
    const close = (): void => this.#end.cancel(id, new Error("the test wants to hear no more"));
    return { agreed: isObject(agreed.notifications) ? agreed.notifications : {}, ended: result, close };
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

  /**
   * Answers what the host asks with this method; without it the client answers that it knows no such method. A thrown
   * TestRpcError is the answer; in the modern era, which has none but results, it is what the request rejects with.
   */
  on(method: string, answer: (params: Json) => Json | Promise<Json>): void {
    this.#answers.set(method, answer);
  }

  /** The params of the first notification with this method that no `until` gave before, now or when it comes. */
  until(method: string): Promise<Json> {
    return within(
      this.#next((each) => each.method === method),
      `waiting for ${method} at the test client`,
    );
  }

  #next(fits: (notification: TestNotification) => boolean): Promise<Json> {
    return new Promise<Json>((resolve) => {
      const look = (): void => {
        const next = this.notifications.find((each) => fits(each) && !this.#taken.has(each));
        if (!next) return void this.#waiting.push(look);
        this.#taken.add(next);
        resolve(next.params);
      };
      look();
    });
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

/** Why a plugin failed, where that is why there is this error. */
type Explain = (error: JsonRpcError) => string | undefined;

/** @throws the error, which says why where that is known */
function rethrow(error: unknown, explain: Explain): never {
  const reason = error instanceof JsonRpcError ? explain(error) : undefined;
  throw reason === undefined ? error : new ExplainedError(error as JsonRpcError, reason); // only of one there is a reason
}

type Answers = Map<string, (params: Json) => Json | Promise<Json>>;

interface Stamped extends Stamp {
  readonly version: string;
}

async function answerTo(answers: Answers, { method, params = {} }: Pick<Request, "method" | "params">): Promise<Json> {
  const answer = answers.get(method);
  if (answer) return answer(params);
  if (method === "ping") return {};
  throw new JsonRpcError(-32601, `Method not found: ${method}`);
}

/** The same promise, or the signal's reason: whoever is asked may take their time. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  let stop!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", stop));
}
