import { HostError, isRefusal, type RpcError } from "../errors.ts";
import type { Caller } from "../exchange/caller.ts";
import type { Course, Sink } from "../exchange/course.ts";
import type { Exchange, Route } from "../exchange/exchange.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { hostSide } from "../exchange/host-side.ts";
import { type MethodRow, rowOf } from "../exchange/methods.ts";
import { stateInvalid } from "../exchange/round.ts";
import type { Tracer } from "../exchange/tracer.ts";
import { unlessStopped } from "../exchange/unless-stopped.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import { takesTasks } from "../upstream/capabilities.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Limits } from "../wire/limits.ts";
import { isObject, type Json, type Notification } from "../wire/message.ts";
import { isModern } from "../wire/versions.ts";
import { mayGoOn, ROUTES } from "./another-route.ts";
import type { ClientAnswers } from "./client-answers.ts";
import { ClientRounds } from "./client-rounds.ts";
import { list, refuseCursor } from "./listing.ts";
import { callAsChild, type OwnCallsOptions } from "./own-calls.ts";
import { Permission } from "./permission.ts";
import { Sender, type SenderOptions } from "./sender.ts";
import type { ServerRequests } from "./server-requests.ts";
import { Subscriptions } from "./subscriptions.ts";
import { notAllowed, nowhere, type Target, Targets, targetOf } from "./target.ts";
import { modernHandle, TaskBridge } from "./task-bridge.ts";
import { listTasks } from "./task-list.ts";
import { UnknownNotifications } from "./unknown-notifications.ts";

export interface PipelineOptions extends Omit<SenderOptions, "rounds">, Pick<OwnCallsOptions, "settled"> {
  readonly answers: ClientAnswers;
  readonly serverRequests: ServerRequests;
  readonly tracer: Tracer;
  readonly limits: Pick<Limits, "nameLength" | "uriLength"> & OwnCallsOptions["limits"];
}

/** What a function takes after the first. */
type Rest<Fn extends (...args: never[]) => unknown> = Parameters<Fn> extends [unknown, ...infer Others] ? Others : never;

/** The five stages: takes a request from a caller through route, permit, transform, call and respond. */
export class Pipeline implements Course {
  readonly #hooks: PipelineOptions["hooks"];
  readonly #directory: PipelineOptions["directory"];
  readonly #tasks: PipelineOptions["tasks"];
  readonly #notifications: PipelineOptions["notifications"];
  readonly #options: PipelineOptions;
  readonly #answers: ClientAnswers;
  readonly #sender: Sender;
  readonly #targets: Targets;
  readonly #subscriptions = new Subscriptions();
  readonly #rounds: ClientRounds;
  readonly #permission: Permission;
  readonly #unknownNotifications: UnknownNotifications;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#hooks = options.hooks;
    this.#directory = options.directory;
    this.#tasks = options.tasks;
    this.#notifications = options.notifications;
    this.#rounds = new ClientRounds(options);
    this.#permission = new Permission(options.hooks, options.directory.catalog);
    this.#sender = new Sender({ ...options, rounds: this.#rounds });
    this.#answers = options.answers;
    this.#targets = new Targets(options.directory, options.tasks, options.uriOwners, options.limits);
    this.#unknownNotifications = new UnknownNotifications(options, this.#targets, this.#permission);
  }

  /** The result of one request. Rejects with what the client is told. Not `async` on the way of a call: it pays for every promise. */
  run(exchange: HostExchange): Promise<Json> {
    try {
      const { method } = exchange;
      exchange.course = this;
      this.#options.tracer.trace(exchange);
      const row = rowOf(method);
      const answer = row.respond ? this.#respond(exchange, row) : this.#answer(exchange, row);
      return method === "tools/call" && takesTasks(exchange.caller) ? answer.then((result) => modernHandle(result, exchange)) : answer;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  get hooks(): SealedHooks {
    return this.#hooks;
  }

  fail(exchange: Exchange, error: RpcError): Promise<Readonly<RpcError>> | undefined {
    const { call, respond } = rowOf(exchange.method);
    const fail = call || respond ? this.#hooks.fail(exchange.method) : undefined;
    const { trace } = hostSide(exchange);
    return fail && trace ? trace.stage("fail", () => fail(error, exchange)) : fail?.(error, exchange);
  }

  call(parent: Exchange, ...request: Rest<Course["call"]>): Promise<Json> {
    return callAsChild(this.#options, this, hostSide(parent), ...request);
  }

  ask(parent: Exchange, ...request: Rest<Course["ask"]>): Promise<Json> {
    return this.#options.serverRequests.ask(hostSide(parent), ...request);
  }

  #respond(exchange: HostExchange, row: MethodRow): Promise<Json> {
    const { method } = exchange;
    const respond = this.#hooks.respond(row.respond === "origin" ? (this.#originOf(exchange) ?? method) : method);
    const answer = this.#answer(exchange, row);
    if (!respond) return answer;
    const { trace } = exchange;
    const through = (given: Json) => {
      if (exchange.asks) return given; // the result is yet to come
      return trace ? trace.stage("respond", () => respond(given, exchange)) : respond(given, exchange);
    };
    return answer.then(through) as Promise<Json>; // taps promise not to change it, and nobody else is bound by that
  }

  #answer(exchange: HostExchange, row: MethodRow): Promise<Json> {
    if (row.route === "no") return this.#local(exchange);
    if (exchange.method === "tasks/list") return this.#taskList(exchange);
    const isBridged = TaskBridge.takes(exchange.method) && isModern(exchange.client.version);
    return isBridged ? this.#options.taskBridge.answer(exchange, () => this.#lookUp(exchange, row)) : this.#lookUp(exchange, row);
  }

  /** A task's result is an answer to the request that began the task. */
  #originOf(exchange: HostExchange): string | undefined {
    return this.#tasks.find(exchange, String(exchange.original.taskId))?.method;
  }

  /** A client's notification that the host does not know. */
  notify(caller: Caller, notification: Notification, sink: Sink): Promise<void> {
    return this.#unknownNotifications.pass(caller, notification, sink);
  }

  // --- what the host answers itself ---

  async #local(exchange: HostExchange): Promise<Json> {
    switch (exchange.method) {
      case "initialize":
        return this.#answers.initialize(exchange);
      case "ping":
        return {};
      case "logging/setLevel":
        this.#checkDeclared(exchange);
        return this.#answers.setLevel(exchange);
      case "server/discover":
        return this.#answers.discover(exchange);
      case "subscriptions/listen":
        return this.#answers.listen(exchange);
      default:
        return list(exchange, this.#directory, () => this.#checkDeclared(exchange));
    }
  }

  async #taskList(exchange: HostExchange): Promise<Json> {
    refuseCursor(exchange);
    this.#checkDeclared(exchange);
    return listTasks(exchange, this.#tasks, this.#sender);
  }

  // --- what an upstream answers ---

  #lookUp(exchange: HostExchange, row: MethodRow): Promise<Json> {
    // Most names are known, and a promise less is a promise less.
    const found = this.#targets.find(exchange, this.#directory.offer(exchange.caller));
    if (found instanceof HostError) return this.#hopeless(exchange, found);
    return found.entry ? this.#route(exchange, row, found) : this.#lookAgain(exchange).then((target) => this.#route(exchange, row, target));
  }

  #route(exchange: HostExchange, row: MethodRow, target: Target): Promise<Json> {
    exchange.target = target;
    exchange.entry = target.entry;
    exchange.called = target.called ?? target.entry;
    const mismatch = exchange.sink?.mismatch?.(target.entry, exchange.original);
    // That there is such a thing is not told to those who may not use it.
    if (mismatch && this.#permission.isGiven(target, exchange)) return Promise.reject(mismatch);
    const from = exchange.brought?.from;
    if (from) return this.#next(exchange, row, target, from);
    const isFree = row.route === "hook" && target.connection === undefined;
    return isFree && this.#hooks.route
      ? this.#routes(exchange, row, target, this.#hooks.route)
      : this.#permit(exchange, row, target, { upstream: target.connection?.facts.key ?? target.entry.upstream });
  }

  /** The next request of a round goes where the questions came from, whatever a route would choose now. */
  #next(exchange: HostExchange, row: MethodRow, target: Target, from: Required<Route>): Promise<Json> {
    if (!this.#directory.upstreams.has(from.upstream)) return Promise.reject(stateInvalid());
    return this.#permit(exchange, row, this.#aimedAt(exchange, target, from), from);
  }

  /**
   * Asks the plugins for a route, and again when the last one failed and the call may be sent once more: as long as they have another, or
   * the owner was not tried.
   */
  async #routes(exchange: HostExchange, row: MethodRow, target: Target, ask: NonNullable<SealedHooks["route"]>): Promise<Json> {
    const { entry } = target;
    const owner: Route = { upstream: entry.upstream };
    const first = exchange.trace?.begin("route");
    let route = (await ask(exchange)) ?? owner;
    first?.leads(route);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#permit(exchange, row, this.#aimedAt(exchange, target, route), route);
      } catch (error) {
        // Only what an upstream refused has left a trace there.
        if (!mayGoOn(exchange, error, this.#sender.repeatable) || exchange.attempts.length < attempt || attempt === ROUTES) throw error;
        exchange.trace?.unwind(error);
        const span = exchange.trace?.begin("route");
        const isTried = entry.members !== undefined || exchange.attempts.some(({ upstream }) => upstream === owner.upstream);
        const next = (await ask(exchange)) ?? (isTried ? undefined : owner);
        // By whose leave it may run twice is the next one's to say, too.
        if (!next || (this.#aimedAt(exchange, target, next) && exchange.sent !== "no" && !this.#sender.repeatable(exchange))) throw error;
        span?.leads(next);
        exchange.trace?.retried(error.type);
        route = next;
      }
    }
  }

  /** The target with the entry that a route really leads to, where that is not the one that the request names. */
  #aimedAt(exchange: HostExchange, target: Target, { upstream, native = target.entry.native }: Route): Target {
    const { entry } = target;
    const isNamed = upstream === entry.upstream && native === entry.native;
    const aimed = isNamed ? target : { ...target, called: this.#directory.reached(entry, upstream, native) };
    exchange.target = aimed;
    exchange.called = aimed.called ?? entry;
    return aimed;
  }

  /** Asked for what is named and for what is called, before any plugin sees the arguments. */
  #permit(exchange: HostExchange, row: MethodRow, target: Target, route: Route): Promise<Json> {
    const upstream = this.#directory.upstreams.get(route.upstream);
    if (!upstream) return Promise.reject(nowhere(route.upstream, target, exchange));
    exchange.route = route;
    // The answer to tasks/result comes when the task is done, and silence until then is no fault.
    const { timeout, maxTimeout } = upstream.config;
    exchange.allow({ timeout: exchange.method === "tasks/result" ? maxTimeout : timeout, maxTimeout });
    if (row.permit !== "no" && !this.#permission.isGiven(target, exchange)) return Promise.reject(target.unknown());
    return this.#transform(exchange, row, target, upstream);
  }

  #transform(exchange: HostExchange, row: MethodRow, target: Target, upstream: Upstream): Promise<Json> {
    exchange.params = exchange.original;
    if (exchange.brought) return this.#rounds.answer(exchange).then(() => this.#transformed(exchange, row, target, upstream));
    return this.#transformed(exchange, row, target, upstream);
  }

  #transformed(exchange: HostExchange, row: MethodRow, target: Target, upstream: Upstream): Promise<Json> {
    const transform = row.transform ? this.#hooks.transform(exchange.method) : undefined;
    if (!transform) return this.#permitArguments(exchange, row, target, upstream);
    const span = exchange.trace?.begin("transform");
    return transform(exchange.original, exchange).then((params) => {
      span?.finish();
      exchange.params = params;
      return this.#permitArguments(exchange, row, target, upstream);
    });
  }

  /** Asked again, with the arguments that are really sent. */
  #permitArguments(exchange: HostExchange, row: MethodRow, target: Target, upstream: Upstream): Promise<Json> {
    if (row.permit !== "twice") return this.#call(exchange, upstream);
    const leave = this.#hooks.permit && exchange.trace?.enter("permit");
    const refused = this.#hooks.permit && this.#permission.refused(target, exchange);
    leave?.();
    if (refused) return Promise.reject(notAllowed(refused));
    const authorize = this.#hooks.authorize(exchange.method);
    if (!authorize) return this.#call(exchange, upstream);
    const span = exchange.trace?.begin("authorize");
    return authorize(exchange).then((by) => {
      span?.finish();
      if (by) throw notAllowed(target.entry);
      return this.#call(exchange, upstream);
    });
  }

  #call(exchange: HostExchange, upstream: Upstream): Promise<Json> {
    const attempt: HostExchange["attempts"][number] = { upstream: upstream.key };
    exchange.attempts.push(attempt);
    const span = exchange.trace?.begin("call");
    return this.#send(exchange, upstream).then(
      (result) => {
        span?.finish();
        return exchange.asks ? this.#ask(exchange, upstream, result) : this.#sender.given(exchange, upstream.key, result);
      },
      (error: unknown) => {
        span?.finish(error);
        attempt.error = error instanceof HostError || isRefusal(error) ? error.type : "upstream";
        throw error;
      },
    );
  }

  /** The upstream wants to know more first, unless a plugin has put an answer of its own in the place of that. */
  async #ask(exchange: HostExchange, upstream: Upstream, result: Json): Promise<Json> {
    const { asks } = exchange;
    if (!asks || !isObject(result.inputRequests)) {
      exchange.asks = undefined;
      exchange.resultKind = "complete";
      return this.#sender.given(exchange, upstream.key, result);
    }
    const left = await this.#rounds.ask(exchange, asks);
    if (left) return left;
    this.#rounds.goOn(exchange, exchange.asks ?? asks);
    return this.#call(exchange, upstream);
  }

  /**
   * Before a name is called unknown, upstreams that are still starting have until their `startTimeout`: it may be one of theirs.
   * Once one lists it, the others are not waited for.
   */
  async #lookAgain(exchange: HostExchange): Promise<Target> {
    const span = exchange.trace?.begin("wait");
    const enough = (): boolean => this.#targets.isListed(exchange, this.#directory.offer(exchange.caller));
    const missing = await unlessStopped(exchange, this.#directory.awaitKnown(exchange.caller, { lazy: true, isCall: true, enough }));
    span?.finish();
    const target = this.#targets.find(exchange, this.#directory.offer(exchange.caller));
    if (target instanceof HostError) return this.#hopeless(exchange, target);
    if (target.entry) return target;
    this.#checkDeclared(exchange);
    const may = (key: string, why: string): string => `${target.unknown().message}; upstream "${key}", which may have it, ${why}`;
    const started = missing.find(({ wasStarting, needsSignIn }) => wasStarting && needsSignIn === undefined);
    if (started)
      throw new HostError("upstream_down", may(started.key, "could not be reached in time; nothing was sent"), { upstream: started.key });
    const closed = missing.find(({ needsSignIn }) => needsSignIn !== undefined);
    if (!closed) throw target.unknown();
    throw new HostError("sign_in_required", may(closed.key, `is not signed in: ${closed.needsSignIn}`), { upstream: closed.key });
  }

  /** Refuses what will never have a target. */
  async #hopeless(exchange: HostExchange, error: HostError): Promise<never> {
    this.#checkDeclared(exchange);
    throw error;
  }

  /** Without the capability there is no method: that what it names is unknown would say that there is. @throws HostError */
  #checkDeclared(exchange: HostExchange): void {
    if (!this.#answers.declares(exchange)) throw new HostError("method_not_found", `Method not found: ${exchange.method}`);
  }

  #send(exchange: HostExchange, upstream: Upstream): Promise<Json> {
    const handler = this.#sender.handler(upstream.key, exchange.method);
    // Nobody knows whether the server has such a method, so its start is not worth a long wait.
    if (exchange.entry?.kind === "method") return this.#directory.awaitReady(exchange.caller, upstream).then(() => handler(exchange));
    if (exchange.method !== "resources/subscribe" && exchange.method !== "resources/unsubscribe") return handler(exchange);
    const connection = this.#sender.connection(exchange, upstream);
    const { native } = (targetOf(exchange) as Target).entry; // it was aimed before
    if (exchange.method === "resources/subscribe") this.#notifications.subscribed(exchange);
    return this.#subscriptions.send(exchange, connection, native, () => handler(exchange));
  }
}
