import { HostError, type RpcError } from "../errors.ts";
import type { Caller } from "../exchange/caller.ts";
import type { Outcome, OwnAskOptions } from "../exchange/exchange.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import type { Tracer } from "../exchange/tracer.ts";
import { unwritable } from "../plugin/blame.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { Connection } from "../upstream/connection.ts";
import type { Limits } from "../wire/limits.ts";
import { type Json, metaOf, type Request, relatedTask, withRelatedTask } from "../wire/message.ts";
import { NoJson } from "../wire/no-json.ts";
import { fromRpc, PeerError } from "../wire/peer-error.ts";
import { lacking } from "./client-abilities.ts";
import { ClientTasks } from "./client-tasks.ts";
import type { Notifications } from "./notifications.ts";
import type { TaskTable } from "./tasks.ts";

/** A caller as somebody who can be asked. */
export interface Respondent extends Caller {
  /** Asks. @param origin the exchange that it belongs to @throws HostError where that cannot be */
  ask(
    method: string,
    params: Readonly<Json>,
    origin: HostExchange | undefined,
    progress: ((params: Json) => void) | undefined,
  ): { readonly answer: Promise<Json>; cancel(error: HostError): void };
  /** Its call that a question of an upstream belongs to which came on a wire that does not tell. @returns an error where it must be known and is not */
  attribute(upstream: string): HostExchange | HostError | undefined;
  /** Of what it is asked, what counts together: the id of the one client, or of its call. */
  askedAs(origin: HostExchange | undefined): string;
}

export interface ServerRequestsOptions {
  readonly hooks: () => SealedHooks;
  readonly tasks: TaskTable;
  readonly notifications: Notifications;
  readonly limits: Pick<Limits, "questionsPerSession" | "questionsPerConnection" | "questionTime">;
  readonly caller: (id: string) => Respondent | undefined;
  readonly settled: (exchange: HostExchange) => void;
  readonly tracer: Tracer;
}

/** What is asked. */
type Asked = Pick<Request, "method" | "params">;

/** Something that is asked of a client. */
interface Question {
  readonly request: Asked;
  /** The connection that it came over; undefined for a plugin's own. */
  readonly connection: Connection | undefined;
  readonly owner: Respondent;
  /** The exchange that it belongs to, as far as that is known. */
  readonly origin: HostExchange | undefined;
  readonly plugin: string | undefined;
}

/** What upstreams, and plugins, ask of clients: found its owner, passed through `ask`, answered through `answer`. */
export class ServerRequests {
  readonly #options: ServerRequestsOptions;
  readonly #underWay = new Map<Connection, Map<unknown, HostExchange>>();
  /** Questions that their upstreams took back, and so want no answer to. */
  readonly #takenBack = new WeakSet<HostExchange>();
  /** How many questions are under way over each connection, and to each client. Request ids do not count: they may repeat. */
  readonly #counts = new Map<Connection | string, number>();
  /** By the id that the upstream knows. */
  readonly #clientTasks = new ClientTasks();

  constructor(options: ServerRequestsOptions) {
    this.#options = options;
  }

  receive(connection: Connection, request: Request, stream: HostExchange | undefined): void {
    if (request.method === "ping") return connection.respond(request, { result: {} });
    const origin = this.#options.tasks.byNative(connection, relatedTask(request.params))?.held ?? stream;
    const owner = this.#owner(connection, request, origin);
    const known = origin ?? (owner instanceof HostError ? owner : connection.sentFor(owner.attribute(connection.facts.key)));
    if (known && !(known instanceof HostError)) known.asked = true;
    const refused =
      owner instanceof HostError ? owner : known instanceof HostError ? known : this.#overloaded(owner.askedAs(known), connection);
    if (refused) return connection.respond(request, { error: refused.toRpc(origin?.id ?? "-") });
    // Errors were refused.
    const question: Question = {
      request,
      connection,
      owner: owner as Respondent,
      origin: known as HostExchange | undefined,
      plugin: undefined,
    };
    let underWay = this.#underWay.get(connection);
    if (!underWay) this.#underWay.set(connection, (underWay = new Map()));
    const exchange = this.#run(question, (outcome, answered) => {
      underWay.delete(request.id);
      if (underWay.size === 0) this.#underWay.delete(connection);
      if (!this.#takenBack.has(answered)) this.#respond(connection, request, answered, outcome);
    });
    if (!exchange.outcome) underWay.set(request.id, exchange);
  }

  #respond(connection: Connection, request: Request, exchange: HostExchange, outcome: Outcome): void {
    // Who cancels the call does not answer: what waits for that is to go.
    if ("cancelled" in outcome) return connection.respond(request, { error: callOver().toRpc(exchange.id) });
    try {
      connection.respond(request, "result" in outcome ? { result: outcome.result } : { error: outcome.error });
    } catch (thrown) {
      if (!(thrown instanceof NoJson)) throw thrown;
      const { method } = request;
      const through = ["ask", "answer", "fail"] as const;
      const cause = unwritable({ what: `an answer to ${method}`, hooks: this.#options.hooks(), through, method, cause: thrown.cause });
      const error = cause.toRpc(exchange.id);
      exchange.outcome = { error, cause };
      connection.respond(request, { error });
    }
  }

  /** Asks the client of an exchange for a plugin, until it is answered or taken back. */
  ask(origin: HostExchange, method: string, params: Json, { signal }: OwnAskOptions): Promise<Json> {
    const request = { method, params };
    const owner = this.#respondent(origin.caller, origin);
    const takenBack = (): HostError => new HostError("cancelled", `${method} was taken back by the plugin that asked it`);
    const refused =
      origin.stopped ??
      (signal?.aborted ? takenBack() : undefined) ??
      (owner && !origin.outcome
        ? (lacking(owner.capabilities, request) ?? this.#overloaded(owner.askedAs(origin)))
        : new HostError("client_gone", "the client that is to be asked is gone"));
    if (refused || !owner) return Promise.reject(refused);
    const plugin = (origin.at ?? origin.inside)?.plugin;
    return new Promise((resolve, reject) => {
      const withdraw = (): void => exchange.cancel(takenBack());
      const exchange = this.#run({ request, connection: undefined, owner, origin, plugin }, (outcome) => {
        signal?.removeEventListener("abort", withdraw);
        if ("result" in outcome) resolve(outcome.result);
        else reject("error" in outcome ? fromRpc(outcome.error) : new HostError("cancelled", outcome.cancelled));
      });
      // It may have been taken back while it was sent.
      if (signal?.aborted) withdraw();
      else signal?.addEventListener("abort", withdraw, { once: true });
    });
  }

  /** Carries a question to its end. @param deliver takes what came of it, once */
  #run(question: Question, deliver: (outcome: Outcome, exchange: HostExchange) => void): HostExchange {
    const { request, connection, owner, origin, plugin } = question;
    if (connection) this.#count(connection, 1);
    const askedAs = owner.askedAs(origin);
    this.#count(askedAs, 1);
    const exchange = new HostExchange({
      method: request.method,
      params: request.params,
      caller: owner,
      sink: undefined,
      isQuestion: true,
      plugin,
      ...(origin && { parent: origin }),
    });
    if (connection) exchange.route = { upstream: connection.facts.key };
    this.#options.tracer.trace(exchange);
    const { questionTime } = this.#options.limits;
    const time = origin?.asker?.time ?? questionTime;
    exchange.timeLimits = { timeout: time, maxTimeout: time };
    origin?.pause();
    const stop = (error: HostError): void => exchange.cancel(error.type === "upstream_timeout" ? callOver() : error);
    origin?.onStop(stop);
    const finish = (outcome: Outcome): void => {
      if (!exchange.settle(outcome, () => deliver(outcome, exchange))) return;
      if (connection) this.#count(connection, -1);
      this.#count(askedAs, -1);
      origin?.offStop(stop);
      origin?.resume();
      this.#options.settled(exchange);
    };
    const failed = (cause: unknown): void => {
      exchange.trace?.unwind(cause);
      finish(exchange.outcomeOf(cause));
    };
    exchange.onStop((error) => failed(this.#fromClient(error)));
    exchange.start();
    this.#ask(question, exchange).then((result) => finish({ result }), failed);
    return exchange;
  }

  #overloaded(askedAs: string, connection?: Connection): HostError | undefined {
    const { questionsPerConnection, questionsPerSession } = this.#options.limits;
    const onConnection = connection ? (this.#counts.get(connection) ?? 0) : 0;
    if (onConnection >= questionsPerConnection)
      return new HostError("overloaded", `${onConnection} questions of this connection wait for answers already`);
    const ofSession = this.#counts.get(askedAs) ?? 0;
    if (ofSession >= questionsPerSession) return new HostError("overloaded", `${ofSession} questions wait for this client already`);
    return undefined;
  }

  #count(of: Connection | string, more: 1 | -1): void {
    const count = (this.#counts.get(of) ?? 0) + more;
    if (count > 0) this.#counts.set(of, count);
    else this.#counts.delete(of);
  }

  /** The upstream gave up one of its questions. */
  cancelled(connection: Connection, requestId: unknown, reason: unknown): void {
    const exchange = this.#underWay.get(connection)?.get(requestId);
    if (!exchange) return;
    this.#takenBack.add(exchange);
    exchange.cancel(new HostError("cancelled", typeof reason === "string" ? reason.slice(0, 256) : "cancelled by the upstream"));
  }

  /** A client told the state of a task that it runs for an upstream. */
  taskStatus(caller: Caller, params: Readonly<Json>): void {
    this.#clientTasks.told(caller.id, params);
  }

  async #ask({ request, connection, owner, origin, plugin }: Question, exchange: HostExchange): Promise<Json> {
    const { tasks, notifications } = this.#options;
    const hooks = this.#options.hooks(); // its answer comes through the same ones
    const shown = connection ? this.#clientTasks.clientParams(connection, request) : (request.params ?? {});
    const own = { method: request.method, params: shown };
    const asking = hooks.ask && exchange.trace?.begin("ask");
    const asked = hooks.ask ? await hooks.ask(own, exchange) : own;
    asking?.finish();
    if ("answer" in asked) return asked.answer;
    exchange.params = connection
      ? withRelatedTask(asked.params as Json, (id) => tasks.byNative(connection, id)?.exposed ?? id)
      : (asked.params as Json);
    if (connection && request.method === "elicitation/create") notifications.elicitation(connection, asked.params.elicitationId, owner.id);
    const token = metaOf(request.params)?.progressToken;
    const progress = connection && ((params: Json) => connection.notify("notifications/progress", { ...params, progressToken: token }));
    const sending = exchange.trace?.begin("send");
    let question: ReturnType<Respondent["ask"]>;
    try {
      question = owner.ask(asked.method, exchange.params, origin, progress);
    } catch (error) {
      if (!(error instanceof NoJson)) throw error;
      const { method } = request;
      const maker = plugin === undefined ? undefined : { plugin, hook: "call" };
      const through = asked.params === shown ? [] : (["ask"] as const);
      throw unwritable({ what: `params of ${method}`, hooks, through, method, maker, cause: error.cause });
    }
    exchange.sent = "unknown";
    exchange.onStop((error) => question.cancel(this.#fromClient(error)));
    let result: Json;
    try {
      result = await question.answer;
      exchange.sent = "yes";
      sending?.finish();
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      exchange.sent = "yes";
      sending?.finish(error);
      throw new PeerError(await this.#failed(error.rpc, exchange, hooks));
    }
    const answering = hooks.answer && exchange.trace?.begin("answer");
    const answered = hooks.answer ? ((await hooks.answer(result, exchange)) as Json) : result;
    answering?.finish();
    return connection ? this.#clientTasks.upstreamResult(connection, request, owner.id, answered) : answered;
  }

  /** A client's error on its way to whoever asked: it may hold as much as an answer. */
  async #failed(error: RpcError, exchange: HostExchange, hooks: SealedHooks): Promise<RpcError> {
    const fail = hooks.fail(exchange.method);
    if (!fail) return error;
    const { trace } = exchange;
    return trace ? trace.stage("fail", () => fail(error, exchange)) : fail(error, exchange);
  }

  /** Whom a question is for. By the stream it came on, its task, or because the connection is one client's; nothing is guessed. */
  #owner(connection: Connection, request: Request, origin: HostExchange | undefined): Respondent | HostError {
    const { tasks } = this.#options;
    const { key } = connection.facts;
    const ofTask = this.#clientTasks.callerOf(connection, request);
    const facts =
      origin?.caller ??
      tasks.byNative(connection, relatedTask(request.params))?.caller ??
      connection.owner ??
      (ofTask === undefined ? undefined : { id: ofTask });
    if (!facts) {
      return new HostError(
        "unattributable",
        `${request.method.slice(0, 64)} cannot be tied to one client on this shared connection; set "isolation": "session" for upstream "${key}" in the host's config`,
        { upstream: key },
      );
    }
    const owner = this.#respondent(facts, origin);
    if (!owner) return new HostError("client_gone", "the client that this is for is gone");
    // A server that takes its allowed folders from roots may ask for them although nobody said that it can.
    if (request.method === "roots/list" && connection.declaredFor(owner).roots === undefined) {
      return new HostError(
        "method_not_found",
        `roots were not declared to upstream "${key}"; "relayRoots": true in the host's config relays those of network clients`,
        { upstream: key },
      );
    }
    return lacking(owner.capabilities, request) ?? owner;
  }

  /** Somebody who can be asked: who is there, or may come back for what it is asked. */
  #respondent({ id }: Pick<Caller, "id">, origin: HostExchange | undefined): Respondent | undefined {
    return this.#options.caller(id) ?? (origin?.asker && (origin.caller as Respondent)); // an asker is of a caller of the modern era, which is one
  }

  /** Out of time, a question was not answered by its client: an exchange would blame the upstream. */
  #fromClient(error: HostError): HostError {
    if (error.type !== "upstream_timeout") return error;
    return new HostError("client_gone", `the client did not answer within ${this.#options.limits.questionTime} ms (limits.questionTime)`);
  }
}

function callOver(): HostError {
  return new HostError("client_gone", "the call that this belongs to is over");
}
