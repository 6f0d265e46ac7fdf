import { HostError, isRefusal } from "../errors.ts";
import { type Entry, LISTED_KINDS, LISTS, type ListedKind } from "../exchange/entry.ts";
import { type Attempt, Exchange, type Route, type SessionFacts } from "../exchange/exchange.ts";
import { type MethodRow, rowOf } from "../exchange/methods.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Limits } from "../wire/limits.ts";
import type { Json, Notification } from "../wire/message.ts";
import { Offer } from "./catalog.ts";
import { Sender, type SenderOptions } from "./sender.ts";
import { Subscriptions } from "./subscriptions.ts";
import { type Target, Targets } from "./target.ts";
import { listTasks } from "./task-list.ts";

/** A route is asked again at most this often. */
const ROUTES = 3;

/** What the pipeline cannot answer from the catalog or an upstream: the session does. */
export interface SessionAnswers {
  initialize(exchange: Exchange): Promise<Json>;
  setLevel(exchange: Exchange): Json;
}

export interface PipelineOptions extends SenderOptions {
  readonly answers: SessionAnswers;
  readonly limits: Pick<Limits, "nameLength" | "uriLength">;
}

/** The five stages: takes a request from a session through route, permit, transform, call and respond. */
export class Pipeline {
  readonly #hooks: PipelineOptions["hooks"];
  readonly #directory: PipelineOptions["directory"];
  readonly #tasks: PipelineOptions["tasks"];
  readonly #notices: PipelineOptions["notices"];
  readonly #answers: SessionAnswers;
  readonly #sender: Sender;
  readonly #targets: Targets;
  readonly #subscriptions = new Subscriptions();

  constructor(options: PipelineOptions) {
    this.#hooks = options.hooks;
    this.#directory = options.directory;
    this.#tasks = options.tasks;
    this.#notices = options.notices;
    this.#sender = new Sender(options);
    this.#answers = options.answers;
    this.#targets = new Targets(options.directory, options.tasks, options.seen, options.limits);
  }

  /** The result of one request. Rejects with what the client is told. Not `async` on the way of a call: it pays for every promise. */
  run(exchange: Exchange): Promise<Json> {
    try {
      const { method } = exchange;
      exchange.hookSet = this.#hooks;
      const row = rowOf(method);
      const respond = row.respond
        ? this.#hooks.respond(method === "tasks/result" ? (this.#originOf(exchange) ?? method) : method)
        : undefined;
      const result = this.#result(exchange, row);
      if (!respond) return result;
      return result.then(async (given) => {
        const answered = (await respond(given, exchange)) as Json;
        if (row.permit === "listed") checkListEdits(method, given, answered);
        return answered;
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #result(exchange: Exchange, row: MethodRow): Promise<Json> {
    if (row.route === "no") return this.#local(exchange);
    return exchange.method === "tasks/list" ? this.#taskList(exchange) : this.#called(exchange, row);
  }

  /** A task's result is an answer to the request that began the task. */
  #originOf(exchange: Exchange): string | undefined {
    return this.#tasks.find(exchange, String(exchange.original.taskId))?.method;
  }

  /** A client's notification that the host does not know: to the only upstream, past the stages that a message without an answer has. */
  async notify(session: SessionFacts, { method, params }: Notification): Promise<void> {
    const exchange = new Exchange({ method, params, session, sink: undefined });
    const target = this.#targets.find(exchange, this.#directory.offer(session));
    const upstream = this.#directory.sole;
    if (target instanceof HostError || !upstream || !this.#permitted(target, exchange)) return;
    exchange.entry = target.entry;
    try {
      const transform = this.#hooks.transform(method);
      if (transform) exchange.params = await transform(exchange.original, exchange);
    } catch {
      return; // refused, or the guard has logged why
    }
    if (this.#hooks.permit?.(target.entry, exchange.principal, exchange) !== undefined) return;
    upstream
      .connectionFor(session)
      .notify(method, params === undefined && exchange.params === exchange.original ? undefined : (exchange.params as Json));
  }

  // --- what the host answers itself ---

  async #local(exchange: Exchange): Promise<Json> {
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
    refuseCursor(exchange);
    const missing = await this.#directory.settle(exchange.session, { lazy: true });
    const offer = this.#directory.offer(exchange.session);
    const entries = this.#directory.catalog.visible(offer, kind, exchange.principal);
    return {
      [LISTS[kind].field]: entries.map((entry) => Offer.listed(entry)),
      ...(missing.length > 0 && { _meta: { "io.mcp-host/partial": missing } }),
    };
  }

  async #taskList(exchange: Exchange): Promise<Json> {
    refuseCursor(exchange);
    return listTasks(exchange, this.#tasks, this.#sender);
  }

  // --- what an upstream answers ---

  #called(exchange: Exchange, row: MethodRow): Promise<Json> {
    // Most names are known, and a promise less is a promise less.
    const found = this.#targets.find(exchange, this.#directory.offer(exchange.session));
    return found instanceof HostError
      ? this.#lookAgain(exchange).then((target) => this.#aimed(exchange, row, target))
      : this.#aimed(exchange, row, found);
  }

  #aimed(exchange: Exchange, row: MethodRow, target: Target): Promise<Json> {
    exchange.target = target;
    exchange.entry = target.entry;
    const isFree = row.route === "hook" && target.connection === undefined;
    return isFree && (this.#hooks.route || this.#directory.hasStandIns)
      ? this.#routed(exchange, row, target, this.#hooks.route)
      : this.#attempt(exchange, row, target, { upstream: target.connection?.facts.key ?? target.entry.upstream });
  }

  /** Asks the plugins for a route, and again when nothing was sent on the last one; then a fallback may stand in for the owner. */
  async #routed(exchange: Exchange, row: MethodRow, target: Target, ask: SealedHooks["route"]): Promise<Json> {
    const { entry } = target;
    const owner: Route = { upstream: entry.upstream };
    let route = (await ask?.(exchange)) ?? owner;
    let aim = target;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(exchange, row, aim, route);
      } catch (error) {
        const unsent = error instanceof HostError && error.sent === "no" && exchange.sent === "no";
        // Only what an upstream refused has left a trace there.
        if (!unsent || exchange.attempts.length < attempt || exchange.stopped || attempt === ROUTES) throw error;
        const asked = await ask?.(exchange);
        const standIn = asked ? undefined : this.#directory.standIn(exchange, entry);
        const next = asked ?? (standIn && { upstream: standIn.upstream }) ?? (ask && owner);
        if (!next) throw error;
        route = next;
        aim = standIn ? { ...target, standIn } : target;
        exchange.target = aim;
      }
    }
  }

  #attempt(exchange: Exchange, row: MethodRow, target: Target, route: Route): Promise<Json> {
    const upstream = this.#directory.upstreams.get(route.upstream);
    if (!upstream) return Promise.reject(nowhere(route.upstream, target));
    exchange.route = route;
    // The answer to tasks/result comes when the task is done, and silence until then is no fault.
    const { timeout, maxTimeout } = upstream.config;
    exchange.allow({ timeout: exchange.method === "tasks/result" ? maxTimeout : timeout, maxTimeout });
    if (row.permit !== "no" && !this.#permitted(target, exchange)) return Promise.reject(target.unknown());
    exchange.params = exchange.original;
    const transform = row.transform ? this.#hooks.transform(exchange.method) : undefined;
    if (!transform) return this.#transformed(exchange, row, target, upstream);
    return transform(exchange.original, exchange).then((params) => {
      exchange.params = checkParamEdits(exchange, row, params);
      return this.#transformed(exchange, row, target, upstream);
    });
  }

  #transformed(exchange: Exchange, row: MethodRow, target: Target, upstream: Upstream): Promise<Json> {
    const refused = row.permit === "twice" && this.#hooks.permit ? this.#refused(target, exchange) : undefined;
    if (refused) return Promise.reject(new HostError("forbidden", `${refused.kind} "${refused.name}" is not allowed with these arguments`));
    const attempt: Attempt = { upstream: upstream.key };
    exchange.attempts.push(attempt);
    return this.#send(exchange, upstream).then(
      (result) => this.#sender.given(exchange, upstream.key, result),
      (error: unknown) => {
        attempt.error = error instanceof HostError || isRefusal(error) ? error.type : "upstream";
        throw error;
      },
    );
  }

  /** Before a name is called unknown, upstreams that are still starting get a moment. */
  async #lookAgain(exchange: Exchange): Promise<Target> {
    await this.#directory.settle(exchange.session, { lazy: true });
    const target = this.#targets.find(exchange, this.#directory.offer(exchange.session));
    if (target instanceof HostError) throw target;
    return target;
  }

  /** Which entry of those that would serve is not allowed with the arguments that are sent. */
  #refused({ entry, standIn }: Target, exchange: Exchange): Entry | undefined {
    const isRefused = (each: Entry): boolean => this.#hooks.permit?.(each, exchange.principal, exchange) !== undefined;
    if (isRefused(entry)) return entry;
    return standIn && isRefused(standIn) ? standIn : undefined;
  }

  #permitted(target: Target, exchange: Exchange): boolean {
    const { catalog } = this.#directory;
    return (
      catalog.permits(target.entry, exchange.principal) &&
      (target.template === undefined || catalog.permits(target.template, exchange.principal))
    );
  }

  #send(exchange: Exchange, upstream: Upstream): Promise<Json> {
    const handler = this.#sender.handler(upstream.key, exchange.method);
    if (exchange.method !== "resources/subscribe" && exchange.method !== "resources/unsubscribe") return handler(exchange);
    const connection = this.#sender.connection(exchange, upstream);
    const { native } = (exchange.target as Target).entry;
    const send = (): Promise<Json> => handler(exchange);
    if (exchange.method === "resources/subscribe") this.#notices.subscribed(exchange);
    return exchange.method === "resources/subscribe"
      ? this.#subscriptions.subscribe(exchange, connection, native, send)
      : this.#subscriptions.unsubscribe(exchange, connection, native, send);
  }
}

/** What a request names may have been an upstream's that a reload took out of the config. */
function nowhere(upstream: string, { entry, connection }: Target): HostError {
  return entry.upstream === upstream || connection?.facts.key === upstream
    ? new HostError("upstream_down", `upstream "${upstream}" is not configured any more; nothing was sent`, { upstream })
    : new HostError("plugin_failure", `a plugin routed to upstream "${upstream}", which is not configured`);
}

/** Every list is one page, so there is no cursor that the host gave. */
function refuseCursor({ original }: Exchange): void {
  if (original.cursor !== undefined) throw new HostError("invalid_params", "Unknown cursor: the host gives every list in one page");
}

/** `transform` may not change what is called; the host writes the native names afterwards. */
function checkParamEdits({ method, original }: Exchange, row: MethodRow, params: Readonly<Json>): Readonly<Json> {
  const written = row.readonly.find((field) => params[field] !== original[field]);
  if (written === undefined) return params;
  throw new HostError(
    "plugin_failure",
    `a plugin changed params.${written} of ${method} in transform, which is read-only; use route or discover`,
  );
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
