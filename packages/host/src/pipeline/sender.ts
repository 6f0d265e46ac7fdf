import { HostError } from "../errors.ts";
import { withAddedMeta } from "../exchange/added-meta.ts";
import type { Entry } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { hostSide } from "../exchange/host-side.ts";
import { rowOf } from "../exchange/methods.ts";
import { repeatability } from "../exchange/repeatable.ts";
import { unwritable } from "../plugin/blame.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { Handler } from "../plugin/hook-types.ts";
import { takesTasks } from "../upstream/capabilities.ts";
import type { Connection } from "../upstream/connection.ts";
import type { CallOptions } from "../upstream/life.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { isObject, type Json, metaOf, withRelatedTask } from "../wire/message.ts";
import { NoJson } from "../wire/no-json.ts";
import { isModern } from "../wire/versions.ts";
import type { ClientRounds } from "./client-rounds.ts";
import type { Directory } from "./directory.ts";
import { freshOf, givenFreshness } from "./freshness.ts";
import { incapableTool, legacyResult } from "./legacy-looks.ts";
import type { Notifications } from "./notifications.ts";
import { type Target, targetOf } from "./target.ts";
import type { TaskBridge } from "./task-bridge.ts";
import type { Task, TaskTable } from "./tasks.ts";
import type { UriOwners } from "./uri-owners.ts";
import { mapUris, visitUris } from "./uris.ts";

export interface SenderOptions {
  readonly hooks: SealedHooks;
  readonly directory: Directory;
  readonly tasks: TaskTable;
  readonly taskBridge: TaskBridge;
  readonly uriOwners: UriOwners;
  readonly notifications: Notifications;
  readonly rounds: ClientRounds;
}

/** What plugins add to one send. */
type Added = Pick<HostExchange, "headers" | "meta">;

/** The `call` stage: the plugins' onion around one send to an upstream, in that upstream's names and ids. */
export class Sender {
  readonly #hooks: SealedHooks;
  readonly #directory: Directory;
  readonly #tasks: TaskTable;
  readonly #bridge: TaskBridge;
  readonly #uriOwners: UriOwners;
  readonly #notifications: Notifications;
  readonly #rounds: ClientRounds;
  /** Composed handlers by upstream and method: a call pays nothing for the plugins around it being many. */
  readonly #handlers = new Map<string, Map<string, Handler>>();
  /** Whether a call may be sent again although it may have run. */
  readonly repeatable: ReturnType<typeof repeatability>;

  constructor(options: SenderOptions) {
    this.#hooks = options.hooks;
    this.#directory = options.directory;
    this.#tasks = options.tasks;
    this.#bridge = options.taskBridge;
    this.#uriOwners = options.uriOwners;
    this.#notifications = options.notifications;
    this.#rounds = options.rounds;
    const upstreams = [...options.directory.upstreams.values()];
    this.repeatable = repeatability(Object.fromEntries(upstreams.map(({ key, config }) => [key, config])));
  }

  /** The onion of one method around the connections of one upstream, composed once. */
  handler(key: string, method: string): Handler {
    let handlers = this.#handlers.get(key);
    if (!handlers) this.#handlers.set(key, (handlers = new Map()));
    let handler = handlers.get(method);
    if (!handler) {
      const upstream = this.#directory.upstreams.get(key) as Upstream; // a route was checked before
      handler = this.#hooks.compose(method, (exchange) => this.#innermost(hostSide(exchange), upstream), upstream.facts);
      // Clients can invent methods without end; only those of the specification are worth keeping.
      if (rowOf(method).readonly.length > 0 || handlers.size < 100) handlers.set(method, handler);
    }
    return handler;
  }

  connection(exchange: HostExchange, upstream: Upstream): Connection {
    return targetOf(exchange)?.connection ?? upstream.connectionFor(exchange.caller);
  }

  /** The host's end of the onion: one send to the upstream, if it may be and when it is its turn. Not `async`: a call pays for every promise. */
  #innermost(exchange: HostExchange, upstream: Upstream): Promise<Json> {
    const { entry, connection } = targetOf(exchange) as Target; // set before any handler runs
    if (exchange.method === "tasks/update") return this.#update(exchange, upstream);
    // A server of the modern era has told it with the task's state.
    if (exchange.method === "tasks/result" && connection?.server?.era === "modern")
      return this.#bridge.result(exchange).then((result) => this.#inward(exchange, connection, result));
    return this.#once(exchange, upstream, entry);
  }

  /** Answers of a client's to what a task asks: to a server of the legacy era they are answers to its own requests. */
  async #update(exchange: HostExchange, upstream: Upstream): Promise<Json> {
    const params = await this.#bridge.update(exchange, exchange.params);
    if (!params) return {};
    exchange.params = params;
    return this.#once(exchange, upstream, (targetOf(exchange) as Target).entry); // as above
  }

  #once(exchange: HostExchange, upstream: Upstream, entry: Entry): Promise<Json> {
    const full = this.#tasks.admit(exchange);
    if (full) return Promise.reject(full);
    if (!exchange.claim() && !this.repeatable(exchange)) return Promise.reject(secondSend(exchange, entry, upstream.key));
    exchange.reach();
    const { at } = exchange;
    exchange.at = undefined;
    if (exchange.isDetached) exchange.start();
    const over = (): void => {
      exchange.at = at; // the plugin around this send is at work again
      if (exchange.sent === "no") exchange.unclaim();
      if (exchange.isDetached) exchange.release();
    };
    // What is pinned (tasks, subscriptions) steers work that is under way: behind that work it would come too late.
    const { headers, meta } = exchange;
    const added = { headers, meta }; // those of this send, whatever is sent beside it while it waits
    if (!upstream.turns || rowOf(exchange.method).route === "pinned") return this.#send(exchange, upstream, added, over);
    const span = exchange.trace?.begin("wait");
    const send = (): Promise<Json> => {
      span?.finish();
      return this.#send(exchange, upstream, added, () => {});
    };
    return upstream.turns.take(exchange, send).finally(over);
  }

  /** One send, names and ids in the upstream's own words. @param over called when it is over, before anybody is given its result */
  #send(exchange: HostExchange, upstream: Upstream, { headers, meta }: Added, over: () => void): Promise<Json> {
    const target = targetOf(exchange) as Target; // set before any handler runs
    const { entry } = target;
    let connection = this.connection(exchange, upstream);
    const era = connection.server?.era;
    const written = target.write(exchange.params, exchange.route?.native ?? entry.native);
    const isModernClient = isModern(exchange.client.version);
    const asked =
      isModernClient && era !== "modern" && exchange.method === "tools/call" ? asTask(written, target.called ?? entry) : written;
    const params = withAddedMeta(
      withRelatedTask(asked, (id) => this.#tasks.find(exchange, id)?.native ?? id),
      meta,
    );
    const token = exchange.sink && metaOf(exchange.original)?.progressToken;
    const progress = token === undefined ? undefined : this.#notifications.progress(exchange, connection, token, this.#hooks);
    // Without a client's token the host asks for itself: a tool that is at work is not cut off for its silence.
    const asks = upstream.config.progress && exchange.method === "tools/call";
    const alive = progress || asks ? (): void => exchange.touch() : undefined;
    // At once: what the server says of the task may come in the same breath.
    const isTaker = takesTasks(exchange.caller) && exchange.depth === 0; // a plugin that calls waits for the result
    const mayBeTask = isTaker || (isModernClient ? params : exchange.original).task !== undefined;
    const answered: CallOptions["answered"] = mayBeTask
      ? (result, endProgress) => this.#begun(exchange, connection, result, endProgress)
      : undefined;
    const options: CallOptions = { progress, alive, answered, fresh: freshOf(exchange), headers };
    const { trace } = exchange;
    let span = trace?.begin("send");
    if (span) span.route = { upstream: upstream.key };
    const inward = (given: Json): Json | Promise<Json> => {
      const waited = exchange.resultKind === "task" && isModernClient && !isTaker ? this.#awaited(exchange, given) : undefined;
      return waited ? waited.then(got, refused) : got(given);
    };
    const got = (given: Json): Json => {
      over();
      const isAsked = given.resultType === "input_required" && connection.server?.era === "modern";
      const result = isAsked ? this.#rounds.asked(exchange, connection, given) : this.#inward(exchange, connection, given);
      trace?.answered(result);
      span?.finish();
      return result;
    };
    const refused = (thrown: unknown): Json => {
      over();
      const visits = this.#rounds.visits(exchange, connection, thrown);
      if (visits) {
        span?.finish();
        return visits;
      }
      const error = thrown instanceof NoJson ? this.#unwritable(exchange, thrown) : thrown;
      span?.finish(error);
      // Where a model reads it, it may find another way.
      const isLacking = error instanceof HostError && error.type === "capability_required";
      if (isLacking && exchange.method === "tools/call" && !isModernClient) return incapableTool(error);
      this.#notifications.refused(connection, error, exchange.caller.id);
      throw error;
    };
    const wasReady = connection.isReady;
    return connection.call(exchange, params, options).then(inward, (error: unknown) => {
      // The connection turned out to be dead before anything was sent: once more over a new one.
      const unsent =
        error instanceof HostError && error.type === "upstream_down" && error.sent === "no" && error.retryAfterMs === undefined;
      const now = this.connection(exchange, upstream); // another, where the server turned out to be reached otherwise
      const isWorthIt = now !== connection || (wasReady && !connection.isReady);
      if (!unsent || !isWorthIt || exchange.stopped) return refused(error);
      connection = now;
      span?.finish(error);
      trace?.retried(error.type);
      span = trace?.begin("send");
      if (span) span.route = { upstream: upstream.key };
      return connection.call(exchange, params, options).then(inward, refused);
    });
  }

  /** Keeps a task that a call has become. */
  #begun(exchange: HostExchange, connection: Connection, result: Json, endProgress: () => void): Json {
    const created = this.#tasks.created(exchange, connection, result, endProgress);
    const task = exchange.resultKind === "task" && isModern(exchange.client.version) ? this.#taskIn(exchange, created) : undefined;
    if (task && connection.server?.era !== "modern") this.#bridge.began(exchange, task);
    return created;
  }

  #taskIn(exchange: HostExchange, { task }: Json): Task | undefined {
    return isObject(task) ? this.#tasks.find(exchange, String(task.taskId)) : undefined;
  }

  /** The result of a call that became a task, for a client that takes none. */
  #awaited(exchange: HostExchange, created: Json): Promise<Json> | undefined {
    const task = this.#taskIn(exchange, created);
    exchange.resultKind = exchange.whole.resultKind = "complete";
    return task && this.#bridge.end(exchange, task);
  }

  #unwritable({ method, plugin }: HostExchange, { cause }: NoJson): HostError {
    const maker = plugin === undefined ? undefined : { plugin, hook: "call" };
    return unwritable({ what: `params of ${method}`, hooks: this.#hooks, through: ["transform"], method, maker, cause });
  }

  /** An upstream's result in the client's words: task ids, and URIs where two upstreams share one. */
  #inward(exchange: HostExchange, connection: Connection, result: Json): Json {
    const { key } = connection.facts;
    const isTranslated = exchange.method === "tools/call" && connection.server?.era === "modern" && !isModern(exchange.client.version);
    let inward = isTranslated ? legacyResult(result) : result;
    if (exchange.method.startsWith("tasks/") && exchange.method !== "tasks/list") {
      this.#tasks.observe(connection, inward);
      if (exchange.method === "tasks/get" && connection.server?.era === "modern") inward = this.#bridge.keep(exchange, inward);
      if (typeof inward.taskId === "string") inward = { ...inward, taskId: exchange.original.taskId };
    }
    inward = withRelatedTask(inward, (id) => this.#tasks.byNative(connection, id)?.exposed ?? id);
    const prefixed = this.#directory.offer(exchange.caller).exposedUris(key);
    const entry = exchange.entry;
    const asked = exchange.method === "resources/read" && entry && entry.name !== entry.native ? entry : undefined;
    if (prefixed || asked) inward = mapUris(inward, (uri) => (asked?.native === uri ? asked.name : (prefixed?.get(uri) ?? uri)));
    return inward;
  }

  /** Notes what a caller is given, by an upstream or by a plugin that answers in its place: it may read the URIs in it. */
  given(exchange: HostExchange, upstream: string, result: Json): Json {
    if (exchange.freshness) exchange.freshness = givenFreshness(this.#directory, exchange, exchange.freshness, upstream);
    // With one upstream every read goes there anyway; what a plugin has to read it lists.
    const { upstreams } = this.#directory;
    if (upstreams.size > 1 && upstreams.get(upstream)?.facts.wire !== "plugin")
      visitUris(result, (uri) => this.#uriOwners.add(exchange.caller, uri, upstream));
    return result;
  }
}

/** How long a server of the legacy era is asked to keep a task of a client that cannot say how long. */
const TTL = 3_600_000;

/** Params of a call for a server of the legacy era, of which the client must say that it is to be a task where the tool is nothing else. */
function asTask(params: Json, { definition }: Entry): Json {
  const { execution } = definition;
  const isRequired = isObject(execution) && execution.taskSupport === "required";
  if (!isRequired && params.task === undefined) return params;
  const { task: _, ...others } = params; // a client of the modern era has no say in it
  return isRequired ? { ...others, task: { ttl: TTL } } : others;
}

/** At most once, since nobody knows what a tool does: sent again only when provably not sent, or by leave of the operator. */
function secondSend(exchange: HostExchange, entry: Entry, upstream: string): HostError {
  const { at, method, sent } = exchange;
  const reason = `${method} was sent already and is not sent twice; list "${entry.native}" in the upstream's "idempotent" to allow it`;
  return new HostError("plugin_failure", reason, { sent: sent === "no" ? "unknown" : sent, upstream, ...(at && { plugin: at.plugin }) });
}
