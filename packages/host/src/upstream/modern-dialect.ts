import { ERRORS, HostError, type RpcError } from "../errors.ts";
import { IdTable } from "../wire/id-table.ts";
import type { AddedHeader, Link, LinkEvents } from "../wire/link.ts";
import {
  type Id,
  isObject,
  isRequest,
  isResponse,
  type Json,
  type Message,
  type Notification,
  type Request,
  type Response,
} from "../wire/message.ts";
import { bare, bareResult, type Freshness, freshnessIn, modernMethod, type Round, stampRequest, subscriptionOf } from "../wire/modern.ts";
import { RequestTexts } from "../wire/modern-text.ts";
import { PeerError } from "../wire/peer-error.ts";
import { hasTasks, legacyTask, TASKS } from "../wire/tasks.ts";
import { type Described, Description } from "./described.ts";
import { Doubts, isLegacy, isStrange } from "./doubts.ts";
import { failure, incapable } from "./failure.ts";
import { Listening } from "./listening.ts";
import { RequestHeaders } from "./request-headers.ts";
import { type Asking, asking, Rounds, type Said } from "./rounds.ts";

/** @see https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes */
const MISSING_CAPABILITY = -32021;

const GONE = "does not speak the version of MCP any more that it did";

export interface DialectOptions {
  readonly upstream: string;
  readonly version: string;
  readonly wire: Link;
  /** Whoever owns the link, and knows nothing of the era. */
  readonly events: LinkEvents;
  /** Whether requests have headers, each has a stream of its own for its answer, and to hang up is to cancel. */
  readonly isHttp: boolean;
  /** What the server says of itself. */
  readonly server: Described;
  /** What is told with a request of the client that it is sent for. @param origin as the owner said */
  readonly stamp: (origin: unknown) => Said;
  readonly warn: (message: string, fields: Json) => void;
  /** The server does not speak the version any more. */
  readonly lost: () => void;
  /** The server says something else of itself than before. */
  readonly described: (server: Described) => void;
}

/**
 * A conversation with a server of the modern era (2026-07-28), for an owner who speaks with one of the legacy era: what is
 * sent gets the envelope and the headers, what comes loses them; what it asks by its results is asked as the owner knows it,
 * and what it is to tell of is listened for.
 */
export class ModernDialect {
  readonly #options: DialectOptions;
  /** What waits for an answer, by the owner's id; after the first round by that of its last request, too. */
  readonly #calls = new IdTable<Asking>();
  readonly #rounds: Rounds;
  readonly #listening: Listening;
  readonly #headers: RequestHeaders;
  readonly #description: Description;
  readonly #doubts: Doubts;
  readonly #texts: RequestTexts;

  constructor(options: DialectOptions) {
    const { upstream, version, events, server, warn } = options;
    this.#options = options;
    this.#texts = new RequestTexts(version);
    this.#description = new Description(version, server, (now) => {
      this.#listening.has(now.capabilities);
      options.described(now);
    });
    this.#headers = new RequestHeaders((tool, reason) => warn("a tool is left out", { upstream, tool, reason }));
    this.#rounds = new Rounds({
      upstream,
      events,
      again: (call, round) => this.#again(call, round),
      answer: (call, response) => this.#answer(call, response),
      fail: (call, error) => this.#fail(call, error),
    });
    this.#doubts = new Doubts({
      upstream,
      discover: (over) => this.#ask("server/discover", undefined, over),
      giveUp: (id, error) => {
        options.wire.forget?.(id);
        this.failed(id, error);
      },
      describes: (discovered) => this.#description.holds(discovered),
      gone: (calls) => this.#isGone(calls),
    });
    this.#listening = new Listening({
      capabilities: server.capabilities,
      events,
      open: (id, params) => this.#listen(id, params),
      cancel: (id) => this.#cancel(id, "another takes its place"),
    });
  }

  // --- what goes out ---

  send(message: Message, headers: readonly AddedHeader[] | undefined): void {
    if (isRequest(message)) return this.#request(message, headers);
    if (isResponse(message)) return this.#rounds.answered(message);
    const { method, params } = message;
    if (method === "notifications/initialized") return this.#listening.begin();
    const call = method === "notifications/cancelled" ? this.#calls.get(params?.requestId as Id) : undefined;
    // Over HTTP the owner hangs up next. Other notifications of clients this era has none.
    if (call && !this.#options.isHttp) this.#cancel(call.wireId, params?.reason);
  }

  #request(request: Request, headers: readonly AddedHeader[] | undefined): void {
    const uri = String(request.params?.uri);
    switch (request.method) {
      case "logging/setLevel":
        return this.#give(request.id, {}); // each request says for itself which messages are wanted
      case "resources/subscribe":
        return this.#listening.subscribe(uri, (error) => {
          if (error instanceof HostError) this.#options.events.failed(request.id, error);
          else if (error) this.#options.events.message({ jsonrpc: "2.0", id: request.id, error }, undefined);
          else this.#give(request.id, {});
        });
      case "resources/unsubscribe":
        this.#listening.unsubscribe(uri);
        return this.#give(request.id, {});
    }
    const id = request.id as number; // the owner's ids are of its minting
    const said = this.#options.stamp(this.#options.events.origin(id));
    this.#calls.set(id, asking(request, headers, said));
    // Whether it lives is asked with the smallest of what it must answer.
    const sent: Request = request.method === "ping" ? { jsonrpc: "2.0", id, method: "server/discover" } : request;
    this.#post(sent, headers, said.round, said);
  }

  /** Sends a request of its own. */
  #ask(method: string, params: Json | undefined, over: Asking["over"]): Id {
    const id = this.#options.events.nextId();
    const request: Request = { jsonrpc: "2.0", id, method, ...(params && { params }) };
    const said = this.#options.stamp(undefined);
    this.#calls.set(id, asking(request, undefined, said, over));
    this.#post(request, undefined, undefined, said);
    return id;
  }

  #again(call: Asking, round: Round | undefined): void {
    call.round = round;
    const { request, headers, id } = call;
    if (call.wireId !== id) this.#calls.delete(call.wireId);
    call.wireId = this.#options.events.nextId();
    this.#calls.set(call.wireId, call);
    this.#post({ ...request, id: call.wireId }, headers, round, this.#options.stamp(this.#options.events.origin(id)));
  }

  #post(request: Request, added?: readonly AddedHeader[], round?: Round, said = this.#options.stamp(undefined)): void {
    const { wire, version, isHttp } = this.#options;
    const { inputResponses } = request.params ?? {};
    const answers = request.method === "tasks/update" && isObject(inputResponses) ? { inputResponses } : round;
    const headers = isHttp ? this.#headers.of(request, added) : undefined;
    if (wire.write) return wire.write(request, this.#texts.of(request, said, answers), headers);
    const params = stampRequest(request.params, version, said, answers);
    wire.send({ jsonrpc: "2.0", id: request.id, method: request.method, params }, undefined, headers);
  }

  /** Of tasks a server tells only who takes them. */
  #listen(id: Id, params: Json): void {
    const said = this.#options.stamp(undefined);
    const isOfTasks = isObject(params.notifications) && params.notifications.taskIds !== undefined;
    const asking = isOfTasks ? { ...said, capabilities: { ...said.capabilities, ...TASKS } } : said;
    this.#post({ jsonrpc: "2.0", id, method: "subscriptions/listen", params }, undefined, undefined, asking);
  }

  /** What it is listened for. */
  get listening(): Listening {
    return this.#listening;
  }

  /** Nobody waits for an answer any more. */
  forget(id: Id): void {
    const call = this.#calls.get(id);
    if (!call) return;
    this.#drop(call);
    this.#options.wire.forget?.(call.wireId);
  }

  #cancel(id: Id, reason: unknown): void {
    const { wire, version, stamp, isHttp } = this.#options;
    if (isHttp) return wire.forget?.(id);
    const params = stampRequest({ requestId: id, reason }, version, stamp(undefined));
    wire.send({ jsonrpc: "2.0", method: "notifications/cancelled", params });
  }

  close(): void {
    this.#listening.close();
    this.#rounds.close();
  }

  // --- what comes in ---

  /** @param origin the request whose answer's stream it came on */
  message(message: Message, origin: Id | undefined): void {
    if (isResponse(message)) return this.#response(message);
    if (!isRequest(message)) return this.#notification(message, origin);
    const call = origin === undefined ? undefined : this.#calls.get(origin);
    const what = `asked ${message.method.slice(0, 64)} in a request of its own, which MCP ${this.#options.version} does not have`;
    this.#options.events.garbage(what);
    if (!call) return;
    this.#options.wire.forget?.(call.wireId);
    this.#fail(call, failure(this.#options.upstream, "upstream_protocol", what, "yes"));
  }

  failed(id: Id, error: HostError): void {
    if (this.#listening.ended(id, error)) return;
    const call = this.#calls.get(id);
    if (!call) return;
    if (isStrange(error) && !call.over) this.#doubts.about(call, () => this.#fail(call, error));
    else this.#fail(call, error);
  }

  /** One answer could not be read, and nothing says whose it was. */
  allFailed(error: HostError): void {
    for (const id of this.#calls.ids()) this.failed(id, error);
    this.#listening.allFailed(error);
  }

  #notification(notification: Notification, origin: Id | undefined): void {
    const { isHttp, events } = this.#options;
    const { method, params } = notification;
    if (method === "notifications/cancelled") return void this.#listening.ended(params?.requestId as Id, undefined);
    const subscription = isHttp ? origin : (subscriptionOf(params) as Id | undefined);
    if (subscription !== undefined && this.#listening.notified(subscription, notification)) return;
    const shown: Notification = params === undefined ? notification : { ...notification, params: bare(params) };
    events.message(shown, origin === undefined ? undefined : this.#calls.get(origin)?.id);
  }

  #response(response: Response): void {
    const id = response.id as Id;
    if (this.#listening.ended(id, "error" in response ? response.error : undefined)) return;
    const call = this.#calls.get(id);
    if (call?.wireId !== id) return this.#options.events.garbage("an answer that nobody waits for");
    if ("error" in response) return this.#refused(call, response.error);
    const { resultType = "complete" } = response.result;
    if (resultType === "complete") return this.#complete(call, response.result);
    if (resultType === "task" && this.#mayBeTask(call)) return this.#task(call, response.result);
    if (resultType === "input_required" && modernMethod(call.request.method)?.hasRounds) return this.#rounds.begin(call, response.result);
    const what = `answered ${call.request.method} with a result of type ${JSON.stringify(resultType)?.slice(0, 40)}, which it may not`;
    this.#fail(call, failure(this.#options.upstream, "upstream_protocol", what, "yes"));
  }

  /** Only what the client that it is for has said that it takes. */
  #mayBeTask({ request, id }: Asking): boolean {
    const { stamp, events } = this.#options;
    return request.method === "tools/call" && hasTasks(stamp(events.origin(id)).capabilities);
  }

  #task(call: Asking, result: Json): void {
    const { resultType: _, _meta, ...task } = bare(result);
    this.#answer(call, { jsonrpc: "2.0", id: call.id, result: { task: legacyTask(task), ...(_meta !== undefined && { _meta }) } });
  }

  #complete(call: Asking, result: Json): void {
    if (call.request.method === "ping" && !this.#description.holds(result)) return this.#isGone([call]);
    const { method } = call.request;
    const isTask = method === "tasks/get"; // whose `ttlMs` is that of the task
    const given = isTask ? legacyTask({ ...bareResult(result), ttlMs: result.ttlMs }) : bareResult(result);
    if (method === "tools/list" && Array.isArray(given.tools) && this.#options.isHttp) given.tools = this.#headers.listed(given.tools);
    // What hangs on the answers to questions is nobody else's, and not true for longer.
    const isFresh = modernMethod(method)?.isFresh && call.round === undefined;
    this.#answer(call, { jsonrpc: "2.0", id: call.id, result: given }, isFresh ? freshnessIn(result) : undefined);
  }

  /** A call had other headers than its tool wants now: what it wants is read, and the call, which nobody acted on, is sent once more. */
  #relist(call: Asking): void {
    const unlessGivenUp = (go: () => unknown): unknown => this.#calls.get(call.id) === call && go();
    this.#headers.relist(
      (params, over) => unlessGivenUp(() => this.#ask("tools/list", params, over)),
      () => unlessGivenUp(() => this.#again(call, call.round)),
    );
  }

  /** The server is of another era now. @param calls those that it has refused, on which nobody acted */
  #isGone(calls: readonly Asking[]): void {
    const { upstream, events, lost } = this.#options;
    lost(); // and so nothing that is in flight is answered
    for (const call of calls) this.#fail(call, failure(upstream, "upstream_down", GONE));
    events.closed(failure(upstream, "upstream_lost", GONE, "unknown"));
  }

  #refused(call: Asking, error: RpcError): void {
    const { upstream, events } = this.#options;
    const { method } = call.request;
    const answer = (): void => this.#answer(call, responseOf(call, error));
    if (call.over) return answer();
    switch (error.code) {
      case ERRORS.header_mismatch.code:
        // It is about this hop, and nothing for clients.
        if (call.wasRefused !== "headers" && method === "tools/call") {
          call.wasRefused = "headers";
          events.message({ jsonrpc: "2.0", method: "notifications/tools/list_changed" }, undefined); // clients see the new schema, too
          return this.#relist(call);
        }
        return this.#fail(call, failure(upstream, "upstream_protocol", `wants other headers of ${method} than its tools/list says`));
      case MISSING_CAPABILITY:
        return this.#fail(
          call,
          incapable(upstream, isObject(error.data) ? error.data.requiredCapabilities : undefined, call.said.keepsRoots),
        );
      case ERRORS.unsupported_protocol.code:
        if (call.wasRefused === "version")
          return this.#fail(call, failure(upstream, "upstream_protocol", `refuses ${method} in the version of MCP that it says it speaks`));
        call.wasRefused = "version";
        return this.#doubts.about(call, () => this.#again(call, call.round));
      case ERRORS.invalid_params.code: // the legacy era has a code of its own; the front has this one for others
        if (method === "resources/read") return this.#answer(call, responseOf(call, { ...error, code: ERRORS.resource_not_found.code }));
    }
    if (isLegacy(error)) this.#doubts.about(call, answer);
    else answer();
  }

  #answer(call: Asking, response: Response, freshness?: Freshness): void {
    this.#drop(call);
    if (call.over) return call.over("result" in response ? response.result : new PeerError(response.error));
    this.#options.events.message(response, undefined, freshness);
  }

  #give(id: Id, result: Json): void {
    this.#options.events.message({ jsonrpc: "2.0", id, result }, undefined);
  }

  #fail(call: Asking, error: HostError): void {
    this.#drop(call);
    if (call.over) return call.over(error);
    // What was asked once has reached the server, whatever became of the next time.
    const { type, message } = error;
    const hasReached = call.rounds > 0 && error.sent === "no";
    const told = hasReached ? new HostError(type, message, { upstream: this.#options.upstream, sent: "yes", cause: error }) : error;
    this.#options.events.failed(call.id, told);
  }

  #drop(call: Asking): void {
    this.#calls.delete(call.id);
    if (call.wireId !== call.id) this.#calls.delete(call.wireId);
    if (call.rounds > 0) this.#rounds.forget(call);
    this.#doubts.forget(call);
  }
}

function responseOf({ id }: Asking, error: RpcError): Response {
  return { jsonrpc: "2.0", id, error };
}
