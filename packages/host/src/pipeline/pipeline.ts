import { HostError, isRefusal } from "../errors.ts";
import { matcher } from "../matcher.ts";
import type { Connection } from "../upstream/connection.ts";
import { wantsProgress } from "../upstream/connection.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { type Json, metaOf, withRelatedTask } from "../wire/message.ts";
import { Offer } from "./catalog.ts";
import type { Directory } from "./directory.ts";
import { LISTED_KINDS, LISTS, type ListedKind } from "./entry.ts";
import type { Exchange } from "./exchange.ts";
import type { SealedHooks } from "./hook-set.ts";
import type { Handler } from "./hooks.ts";
import { type MethodRow, rowOf } from "./methods.ts";
import type { Notices } from "./notices.ts";
import type { SeenUris } from "./seen-uris.ts";
import { Subscriptions } from "./subscriptions.ts";
import { type Target, Targets } from "./target.ts";
import type { TaskTable } from "./tasks.ts";
import { mapUris, visitUris } from "./uris.ts";

/** Requests that may be sent again after a loss, since they change nothing (R87). */
const REPEATABLE = new Set([
  "prompts/get",
  "resources/read",
  "completion/complete",
  "resources/subscribe",
  "resources/unsubscribe",
  "tasks/get",
  "tasks/list",
  "tasks/result",
]);

/** A route is asked again at most this often. */
const ROUTES = 3;

/** What the pipeline cannot answer from the catalog or an upstream: the session does. */
export interface SessionAnswers {
  initialize(exchange: Exchange): Promise<Json>;
  setLevel(exchange: Exchange): Json;
}

export interface PipelineOptions {
  readonly hooks: SealedHooks;
  readonly directory: Directory;
  readonly tasks: TaskTable;
  readonly seen: SeenUris;
  readonly notices: Notices;
  readonly answers: SessionAnswers;
}

/** The five stages: takes a request from a session through route, permit, transform, call and respond. */
export class Pipeline {
  readonly #hooks: SealedHooks;
  readonly #directory: Directory;
  readonly #tasks: TaskTable;
  readonly #seen: SeenUris;
  readonly #notices: Notices;
  readonly #answers: SessionAnswers;
  readonly #targets: Targets;
  readonly #subscriptions = new Subscriptions();
  /** Composed handlers by upstream and method: a call pays nothing for the plugins around it being many. */
  readonly #handlers = new Map<string, Map<string, Handler>>();
  readonly #idempotent = new Map<string, ReturnType<typeof matcher>>();

  constructor(options: PipelineOptions) {
    this.#hooks = options.hooks;
    this.#directory = options.directory;
    this.#tasks = options.tasks;
    this.#seen = options.seen;
    this.#notices = options.notices;
    this.#answers = options.answers;
    this.#targets = new Targets(options.directory, options.tasks, options.seen);
    for (const { key, config } of options.directory.upstreams.values())
      this.#idempotent.set(key, matcher(config.idempotent.map((glob) => `${key}:${glob}`)));
  }

  /** The result of one request. Rejects with what the client is told. */
  async run(exchange: Exchange): Promise<Json> {
    const row = rowOf(exchange.method);
    const result = await (row.route === "no"
      ? this.#local(exchange)
      : exchange.method === "tasks/list"
        ? this.#taskList(exchange)
        : this.#called(exchange, row));
    if (!row.respond) return result;
    const respond = this.#hooks.respond(
      exchange.method === "tasks/result" ? (this.#originOf(exchange) ?? exchange.method) : exchange.method,
    );
    if (!respond) return result;
    const answered = (await respond(result, exchange)) as Json;
    if (row.permit === "listed") checkListEdits(exchange.method, result, answered);
    return answered;
  }

  /** A task's result is an answer to the request that began the task. */
  #originOf(exchange: Exchange): string | undefined {
    return this.#tasks.find(exchange, String(exchange.original.taskId))?.method;
  }

  // --- what the host answers itself ---

  #local(exchange: Exchange): Promise<Json> | Json {
    switch (exchange.method) {
      case "initialize":
        return this.#answers.initialize(exchange);
      case "ping":
        return {};
      case "logging/setLevel":
        return this.#answers.setLevel(exchange);
      default:
        return this.#list(exchange);
    }
  }

  async #list(exchange: Exchange): Promise<Json> {
    const kind = LISTED_KINDS.find((each) => LISTS[each].method === exchange.method) as ListedKind; // only lists come here
    // The whole list is one page, so there is no cursor that the host gave.
    if (exchange.original.cursor !== undefined)
      throw new HostError("invalid_params", "Unknown cursor: the host gives every list in one page");
    const missing = await this.#directory.settle(exchange.session, { lazy: true });
    const offer = this.#directory.offer(exchange.session);
    const entries = this.#directory.catalog.visible(offer, kind, exchange.principal);
    return {
      [LISTS[kind].field]: entries.map((entry) => Offer.listed(entry)),
      ...(missing.length > 0 && { _meta: { "io.mcp-host/partial": missing } }),
    };
  }

  async #taskList(exchange: Exchange): Promise<Json> {
    if (exchange.original.cursor !== undefined)
      throw new HostError("invalid_params", "Unknown cursor: the host gives every list in one page");
    const tasks: Json[] = [];
    for (const connection of this.#tasks.connections(exchange)) {
      for (let cursor: unknown, page = 0; page < 100; page++) {
        const handler = this.#handler(connection.facts.key, exchange.method);
        const part = exchange.derive();
        part.params = cursor === undefined ? {} : { cursor };
        part.target = {
          entry: { kind: "method", name: exchange.method, upstream: connection.facts.key, native: exchange.method, definition: {} },
          connection,
          write: (params) => params as Json,
          unknown: () => new HostError("method_not_found", "Method not found: tasks/list"),
        };
        part.route = { upstream: connection.facts.key };
        const forward = (error: HostError): void => part.cancel(error);
        exchange.onStop(forward);
        const result = await handler(part).finally(() => {
          exchange.offStop(forward);
          part.release();
        });
        for (const task of Array.isArray(result.tasks) ? result.tasks : []) {
          const exposed = this.#tasks.exposed(exchange, connection, task);
          if (exposed) tasks.push(exposed);
        }
        if (typeof result.nextCursor !== "string" || result.nextCursor === cursor) break;
        cursor = result.nextCursor;
      }
    }
    return { tasks };
  }

  // --- what an upstream answers ---

  async #called(exchange: Exchange, row: MethodRow): Promise<Json> {
    const target = await this.#target(exchange);
    exchange.target = target;
    exchange.entry = target.entry;
    for (let attempt = 1; ; attempt++) {
      const owner = target.entry.upstream;
      const route = (row.route === "hook" && target.connection === undefined ? await this.#hooks.route?.(exchange) : undefined) ?? {
        upstream: owner,
      };
      const upstream = this.#directory.upstreams.get(route.upstream);
      if (!upstream) throw new HostError("plugin_failure", `a plugin routed to upstream "${route.upstream}", which is not configured`);
      exchange.route = route;
      exchange.allow(upstream.config);
      if (row.permit !== "no" && !this.#permitted(target, exchange)) throw target.unknown();
      exchange.params = exchange.original;
      if (row.transform) await this.#transform(exchange, row);
      if (row.permit === "twice" && this.#hooks.permit?.(target.entry, exchange.principal, exchange) !== undefined) {
        throw new HostError("forbidden", `${target.entry.kind} "${target.entry.name}" is not allowed with these arguments`);
      }
      try {
        const result = await this.#send(exchange, upstream);
        exchange.attempts.push({ upstream: route.upstream });
        return result;
      } catch (error) {
        exchange.attempts.push({
          upstream: route.upstream,
          error: error instanceof HostError || isRefusal(error) ? error.type : "upstream",
        });
        const again =
          this.#hooks.route &&
          error instanceof HostError &&
          error.sent === "no" &&
          exchange.sent === "no" &&
          !exchange.stopped &&
          attempt < ROUTES;
        if (!again || row.route !== "hook") throw error;
      }
    }
  }

  /** Looks the name up; before it is called unknown, upstreams that are still starting get a moment. */
  async #target(exchange: Exchange): Promise<Target> {
    let target = this.#targets.find(exchange, this.#directory.offer(exchange.session));
    if (target instanceof HostError) {
      await this.#directory.settle(exchange.session, { lazy: true });
      target = this.#targets.find(exchange, this.#directory.offer(exchange.session));
    }
    if (target instanceof HostError) throw target;
    return target;
  }

  #permitted(target: Target, exchange: Exchange): boolean {
    const { catalog } = this.#directory;
    return (
      catalog.permits(target.entry, exchange.principal) &&
      (target.template === undefined || catalog.permits(target.template, exchange.principal))
    );
  }

  async #transform(exchange: Exchange, row: MethodRow): Promise<void> {
    const transform = this.#hooks.transform(exchange.method);
    if (!transform) return;
    const params = await transform(exchange.original, exchange);
    const written = row.readonly.find((field) => params[field] !== exchange.original[field]);
    if (written !== undefined)
      throw new HostError(
        "plugin_failure",
        `a plugin changed params.${written} of ${exchange.method} in transform, which is read-only; use route or discover`,
      );
    exchange.params = params;
  }

  #send(exchange: Exchange, upstream: Upstream): Promise<Json> {
    const handler = this.#handler(upstream.key, exchange.method);
    if (exchange.method !== "resources/subscribe" && exchange.method !== "resources/unsubscribe") return handler(exchange);
    const connection = this.#connection(exchange, upstream);
    const { native } = (exchange.target as Target).entry;
    const send = (): Promise<Json> => handler(exchange);
    return exchange.method === "resources/subscribe"
      ? this.#subscriptions.subscribe(exchange, connection, native, send)
      : this.#subscriptions.unsubscribe(exchange, connection, native, send);
  }

  /** The onion of one method around the connections of one upstream, composed once. */
  #handler(key: string, method: string): Handler {
    let handlers = this.#handlers.get(key);
    if (!handlers) this.#handlers.set(key, (handlers = new Map()));
    let handler = handlers.get(method);
    if (!handler) {
      const upstream = this.#directory.upstreams.get(key) as Upstream; // a route was checked before
      handler = this.#hooks.compose(method, (exchange) => this.#innermost(exchange, upstream), upstream.facts);
      // Clients can invent methods without end; only those of the specification are worth keeping.
      if (rowOf(method).readonly.length > 0 || handlers.size < 100) handlers.set(method, handler);
    }
    return handler;
  }

  #connection(exchange: Exchange, upstream: Upstream): Connection {
    return exchange.target?.connection ?? upstream.connectionFor(exchange.session);
  }

  /** The host's end of the onion: one send to the upstream, names and ids in its own words. */
  async #innermost(exchange: Exchange, upstream: Upstream): Promise<Json> {
    const target = exchange.target as Target; // set before any handler runs
    if (exchange.sent !== "no" && !REPEATABLE.has(exchange.method) && !this.#idempotent.get(upstream.key)?.(target.entry)) {
      throw new HostError(
        "internal",
        `${exchange.method} was sent already and is not sent twice; list "${target.entry.native}" in the upstream's "idempotent" to allow it`,
        { sent: exchange.sent, upstream: upstream.key },
      );
    }
    exchange.at = undefined;
    const connection = this.#connection(exchange, upstream);
    const native = exchange.route?.native ?? target.entry.native;
    const params = withRelatedTask(target.write(exchange.params, native), (id) => this.#tasks.find(exchange, id)?.native ?? id);
    const progress =
      exchange.sink && wantsProgress(params)
        ? this.#notices.progress(exchange, connection, metaOf(exchange.original)?.progressToken)
        : undefined;
    let result: Json;
    try {
      result = await connection.call(exchange, params, progress);
    } catch (error) {
      // The connection turned out to be dead before anything was sent: once more over a new one.
      if (
        !(error instanceof HostError && error.type === "upstream_down" && error.sent === "no" && error.retryAfterMs === undefined) ||
        connection.isReady ||
        exchange.stopped
      )
        throw error;
      await connection.connect();
      result = await connection.call(exchange, params, progress);
    }
    return this.#inward(exchange, connection, result);
  }

  /** An upstream's result in the client's words: task ids, and URIs where two upstreams share one. */
  #inward(exchange: Exchange, connection: Connection, result: Json): Json {
    const { key } = connection.facts;
    let inward = result;
    if (exchange.original.task !== undefined && result.task !== undefined) inward = this.#tasks.created(exchange, connection, inward);
    if (exchange.method.startsWith("tasks/") && exchange.method !== "tasks/list") {
      this.#tasks.observe(connection, inward);
      if (typeof inward.taskId === "string") inward = { ...inward, taskId: exchange.original.taskId };
    }
    inward = withRelatedTask(inward, (id) => this.#tasks.byNative(connection, id)?.exposed ?? id);
    const prefixed = this.#directory.offer(exchange.session).exposedUris(key);
    const entry = exchange.entry;
    const asked = exchange.method === "resources/read" && entry && entry.name !== entry.native ? entry : undefined;
    if (prefixed || asked) inward = mapUris(inward, (uri) => (asked?.native === uri ? asked.name : (prefixed?.get(uri) ?? uri)));
    // With one upstream every read goes there anyway.
    if (this.#directory.upstreams.size > 1) visitUris(inward, (uri) => this.#seen.add(exchange.session, uri, key));
    return inward;
  }
}

/** `respond` may edit the fields of a list's entries; which entries there are, and their names, is for `permit` and `discover`. */
function checkListEdits(method: string, before: Readonly<Json>, after: Readonly<Json>): void {
  const list = Object.values(LISTS).find((each) => each.method === method);
  if (!list || before === after) return;
  const names = (result: Readonly<Json>): string =>
    JSON.stringify((result[list.field] as Json[] | undefined)?.map((entry) => entry[list.key]));
  if (names(before) !== names(after))
    throw new HostError("plugin_failure", `a plugin added, dropped or renamed entries of ${method} in respond; use permit or discover`);
}
