import { isDeepStrictEqual } from "node:util";
import { HostError, isRefusal, type RpcError } from "../errors.ts";
import { LISTED_KINDS, LISTS } from "../exchange/entry.ts";
import type { Exchange, Site } from "../exchange/exchange.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import { type Id, isRequest, type Json, type Message, metaOf, type Request } from "../wire/message.ts";
import { PeerError } from "../wire/peer-error.ts";
import { LATEST_VERSION } from "../wire/versions.ts";
import type { Failures } from "./failures.ts";
import { frozen, withRemedy } from "./frozen.ts";
import { answerOf, checkReadable, failed } from "./offer-answers.ts";
import type { Surface } from "./offer-surface.ts";
import type { OfferContext } from "./offering.ts";
import { readable } from "./thrown.ts";

export interface OfferLinkOptions {
  readonly plugin: string;
  readonly version: string;
  readonly failures: Failures;
  /** Whether handlers are given frozen messages. */
  readonly freezes: boolean;
  /** What is offered now to whom the link belongs. */
  readonly surface: () => Surface;
  readonly closed: (link: OfferLink) => void;
}

/** The way to what a plugin offers, all callers' or one caller's: it answers JSON-RPC objects in memory, which nothing copies. */
export class OfferLink implements Link {
  readonly #options: OfferLinkOptions;
  readonly #site: Site;
  readonly #running = new Map<Id, AbortController>();
  #surface: Surface;
  #events: LinkEvents | undefined;

  constructor(options: OfferLinkOptions) {
    this.#options = options;
    this.#site = { plugin: options.plugin, hook: "offer" };
    this.#surface = options.surface();
  }

  async open(events: LinkEvents): Promise<void> {
    this.#events = events;
  }

  send(message: Message): void {
    if (isRequest(message)) void this.#answer(message);
    else if ("method" in message && message.method === "notifications/cancelled") this.forget(message.params?.requestId as Id); // an unknown one is none of ours
  }

  /** Nobody waits for its answer any more. */
  forget(id: Id): void {
    this.#running.get(id)?.abort(new HostError("cancelled", "nobody waits for the answer any more"));
    this.#running.delete(id);
  }

  async close(): Promise<void> {
    this.#options.closed(this);
    this.#events = undefined;
    for (const id of [...this.#running.keys()]) this.forget(id);
  }

  /** Looks what is offered now, and tells which lists are others. */
  renew(): void {
    const before = this.#surface;
    this.#surface = this.#options.surface();
    const changed = LISTED_KINDS.filter((kind) => !isDeepStrictEqual(before.lists[kind], this.#surface.lists[kind]));
    for (const capability of new Set(changed.map((kind) => LISTS[kind].capability)))
      this.#tell(`notifications/${capability}/list_changed`, {});
  }

  updated(uri: string): void {
    this.#tell("notifications/resources/updated", { uri });
  }

  #tell(method: string, params: Json, origin?: Id): void {
    this.#events?.message({ jsonrpc: "2.0", method, params }, origin);
  }

  /** Never rejects. Begins when the request is on its books, and its exchange knows that it was sent. */
  async #answer({ id, method, params = {} }: Request): Promise<void> {
    const origin = this.#events?.origin(id);
    await undefined;
    const own = this.#ownAnswer(method);
    if (own) return this.#give(id, { result: own });
    if (!(origin instanceof HostExchange)) return this.#give(id, { error: { code: -32601, message: `Method not found: ${method}` } });
    const abort = new AbortController();
    this.#running.set(id, abort);
    origin.at = this.#site;
    if (this.#options.freezes) frozen([params, origin]);
    try {
      const context = this.#context(id, params, origin, abort.signal);
      const handled = (): Promise<Json> => this.#handled(method, params, context);
      const result = await (this.#options.freezes ? withRemedy(handled) : handled());
      if (this.#running.delete(id)) this.#give(id, { result });
    } catch (error) {
      if (this.#running.delete(id)) this.#failed(id, method, readable(error), origin);
    }
  }

  /** What the host asks for itself. */
  #ownAnswer(method: string): Json | undefined {
    const kind = LISTED_KINDS.find((each) => LISTS[each].method === method);
    if (kind) return { [LISTS[kind].field]: this.#surface.lists[kind] };
    const { plugin: name, version } = this.#options;
    if (method === "initialize")
      return { protocolVersion: LATEST_VERSION, capabilities: this.#surface.capabilities, serverInfo: { name, version } };
    return method === "ping" || method === "logging/setLevel" || method === "resources/unsubscribe" ? {} : undefined;
  }

  async #handled(method: string, params: Json, context: OfferContext): Promise<Json> {
    if (method === "resources/subscribe") {
      checkReadable(this.#surface, String(params.uri));
      return {};
    }
    const answer = answerOf(this.#surface, method, params, context);
    if (!answer) throw new HostError("method_not_found", `Method not found: ${method.slice(0, 128)}`, { sent: "yes" });
    return answer;
  }

  #context(id: Id, params: Json, exchange: Exchange, signal: AbortSignal): OfferContext {
    const progressToken = metaOf(params)?.progressToken;
    return {
      exchange,
      signal,
      progress: (progress, total, message) => {
        if (progressToken === undefined || !this.#running.has(id)) return;
        const more = { ...(total !== undefined && { total }), ...(message !== undefined && { message }) };
        this.#tell("notifications/progress", { progressToken, progress, ...more }, id);
      },
      log: (level, data, logger) => {
        if (this.#running.has(id)) this.#tell("notifications/message", { level, data, ...(logger !== undefined && { logger }) }, id);
      },
    };
  }

  /** A handler's own no, and what it was answered itself, go as they are; whatever else it throws may hold what is nobody's business. */
  #failed(id: Id, method: string, error: unknown, exchange: HostExchange): void {
    if (error instanceof PeerError) return this.#give(id, { error: error.rpc });
    if (isRefusal(error) || error instanceof HostError) {
      if (isRefusal(error)) exchange.decide(this.#site, "refused", error);
      return this.#refuse(id, error);
    }
    const { plugin, failures } = this.#options;
    failures.tell("a plugin failed", this.#site, error, { method, ...named(exchange), requestId: exchange.id });
    exchange.decide(this.#site, "failed", error);
    const words = `plugin "${plugin}" failed; the host's log has the reason`;
    if (method === "tools/call") this.#give(id, { result: failed(words) });
    else this.#refuse(id, new HostError("plugin_failure", `plugin "${plugin}" failed`, { plugin, cause: error }));
  }

  /** It was sent, whatever the error says: nobody may take it for a call that did not come through. */
  #refuse(id: Id, error: HostError): void {
    const { type, message, plugin, upstream, retryAfterMs } = error;
    const detail = {
      ...(plugin !== undefined && { plugin }),
      ...(upstream !== undefined && { upstream }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
    this.#events?.failed(id, new HostError(type, message, { sent: "yes", cause: error, ...detail }));
  }

  #give(id: Id, outcome: { result: Json } | { error: RpcError }): void {
    this.#events?.message({ jsonrpc: "2.0", id, ...outcome }, undefined);
  }
}

function named({ entry }: Exchange): { entry?: string } {
  return entry ? { entry: entry.native } : {};
}
