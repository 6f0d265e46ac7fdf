import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { RpcError } from "../errors.ts";
import { type Id, isObject, type Json, metaOf, type Notification, type Request } from "../wire/message.ts";
import { within } from "./deadline.ts";
import { FakeClock } from "./fake-clock.ts";
import { answerModern, FakeListeners, isModernAt, unsupported } from "./fake-modern.ts";
import { FakeRounds, type Served, tellProgress } from "./fake-rounds.ts";
import { answerAs, type FakeContext, type FakeUpstreamSpec } from "./fake-server.ts";
import { JsonRpcEnd } from "./json-rpc-end.ts";

/**
 * What a fake upstream does instead of answering.
 * - `down`: its connections are closed, and nobody can connect.
 * - `hang`: it answers no more.
 * - `disconnect`: it closes the connection at every request.
 * - `garbage`: it answers with what is no JSON-RPC.
 * - `{ error }`: it answers with this error.
 *
 * All but `down` leave `initialize`, `server/discover`, `subscriptions/listen`, `ping` and the lists alone, so that it can be
 * connected to and then fails.
 */
export type FakeFault = "down" | "hang" | "disconnect" | "garbage" | { readonly error: RpcError };

/** A request that reached a fake upstream. */
export interface FakeRequest {
  readonly method: string;
  readonly params: Json;
}

/** A server in memory, behind a real SDK transport. */
export interface FakeUpstream {
  /** Makes a connection: the `transport` of a server in the config. */
  readonly transport: () => Transport;
  /** Every request that reached it, in order, with its params as they came. */
  readonly requests: readonly FakeRequest[];
  /** The params of the requests with this method. */
  received(method: string): Json[];
  /** Resolves when so many requests with this method have reached it since it was made; default: one. */
  until(method: string, count?: number): Promise<void>;
  /** Notifications that reached it, in order. */
  readonly notifications: readonly FakeRequest[];
  /** Milliseconds on {@link clock} before each answer, save those to what no fault but `down` touches. Default: 0. */
  latency: number;
  /** Turn it with `await clock.advance(milliseconds)`. */
  readonly clock: FakeClock;
  /** What goes wrong from now on, until `undefined`. */
  fail(fault: FakeFault | undefined): void;
  /** Changes what it offers, and tells whoever is connected which lists changed. */
  set(spec: Partial<FakeUpstreamSpec>): void;
  /** Sends a notification over every connection; in the modern era on every subscription that asks for it. */
  notify(method: string, params?: Json): void;
  /** Connections that are open now. */
  readonly connections: number;
}

/** What goes on under every fault but `down`, and without latency. */
const UPKEEP = new Set([
  "initialize",
  "server/discover",
  "subscriptions/listen",
  "ping",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "logging/setLevel",
]);

/** Lists by the part of the spec that makes them. */
const LISTS = { tools: "tools", prompts: "prompts", resources: "resources", templates: "resources" } as const;

/** Makes a server in memory. @param options a clock that several share; default: one of its own */
export function fakeUpstream(spec: FakeUpstreamSpec = {}, options: { clock?: FakeClock } = {}): FakeUpstream {
  return new Fake(spec, options.clock ?? new FakeClock());
}

class Fake implements FakeUpstream {
  readonly requests: FakeRequest[] = [];
  readonly notifications: FakeRequest[] = [];
  readonly clock: FakeClock;
  latency = 0;
  #spec: FakeUpstreamSpec;
  #fault: FakeFault | undefined;
  readonly #open = new Set<FakeConnection>();
  readonly #waiting = new Set<() => void>();
  /** Of all connections: the request that brings an answer may come over another. */
  readonly #rounds = new FakeRounds();

  constructor(spec: FakeUpstreamSpec, clock: FakeClock) {
    this.#spec = spec;
    this.clock = clock;
  }

  readonly transport = (): Transport => {
    if (this.#fault === "down") throw new Error("the fake upstream is down");
    const [theirs, ours] = InMemoryTransport.createLinkedPair();
    const connection = new FakeConnection(ours, theirs, {
      request: (request) => this.#receive(connection, request),
      notification: ({ method, params = {} }) => void this.notifications.push({ method, params }),
      closed: () => void this.#open.delete(connection),
    });
    this.#open.add(connection);
    return theirs;
  };

  get connections(): number {
    return this.#open.size;
  }

  received(method: string): Json[] {
    return this.requests.filter((request) => request.method === method).map(({ params }) => params);
  }

  until(method: string, count = 1): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.received(method).length < count) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    return within(reached, `waiting for ${count} × ${method} at the fake upstream`);
  }

  fail(fault: FakeFault | undefined): void {
    this.#fault = fault;
    if (fault === "down") for (const connection of [...this.#open]) connection.close();
  }

  set(spec: Partial<FakeUpstreamSpec>): void {
    this.#spec = { ...this.#spec, ...spec };
    const changed = new Set(Object.entries(LISTS).flatMap(([part, list]) => (part in spec ? [list] : [])));
    for (const list of changed) this.notify(`notifications/${list}/list_changed`);
  }

  notify(method: string, params?: Json): void {
    for (const connection of this.#open) connection.notify(method, params);
  }

  #receive(connection: FakeConnection, request: Request): void {
    const { id, method, params = {} } = request;
    this.requests.push({ method, params });
    const fault = UPKEEP.has(method) ? undefined : this.#fault;
    const wait = UPKEEP.has(method) ? 0 : this.latency;
    if (fault === "disconnect") connection.close();
    else if (fault === "garbage") connection.end.send({ jsonrpc: "2.0", id, garbage: true });
    else if (isObject(fault)) connection.end.send({ jsonrpc: "2.0", id, error: fault.error });
    else if (fault === undefined) connection.serve(request, this.clock.sleep.bind(this.clock, wait), this.#spec, this.#rounds);
    for (const look of [...this.#waiting]) look();
  }
}

/** One connection to a fake upstream, with the requests that it works on. */
class FakeConnection {
  readonly end: JsonRpcEnd;
  readonly #working = new Map<Id, AbortController>();
  readonly #listeners = new FakeListeners();
  /** Whether what it was asked last is of the modern era. */
  #isModern = false;

  readonly #halves: readonly Transport[];

  constructor(
    transport: Transport,
    theirs: Transport,
    events: { request(request: Request): void; notification(notification: Notification): void; closed(): void },
  ) {
    this.#halves = [theirs, transport];
    this.end = new JsonRpcEnd(transport, {
      request: events.request,
      notification: (notification) => {
        if (notification.method === "notifications/cancelled") this.#abort(notification.params?.requestId as Id); // what is no id is not found
        events.notification(notification);
      },
      closed: () => {
        for (const id of [...this.#working.keys()]) this.#abort(id);
        events.closed();
      },
    });
    void this.end.open();
  }

  /** Answers a request after `pause`. */
  serve(request: Request, pause: (signal: AbortSignal) => Promise<void>, spec: FakeUpstreamSpec, rounds: FakeRounds): void {
    const { id, method, params = {} } = request;
    const working = new AbortController();
    this.#working.set(id, working);
    const { end } = this;
    const served: Served = { id, method, params, signal: working.signal, notify: (...notification) => end.notify(...notification) };
    const isModern = isModernAt(spec.era, params);
    this.#isModern = isModern;
    const answer = async (): Promise<Json> => {
      if (!isModern && spec.era === "modern") throw unsupported(params.protocolVersion);
      if (!isModern) return answerAs(spec, method, params, legacyContext(served, end));
      return method === "subscriptions/listen" ? this.#listeners.open(served) : answerModern(spec, served, rounds);
    };
    const waited = pause(working.signal); // at once, so that a clock that is turned now is turned for this request too
    void end
      .answer(id, async () => {
        await waited;
        return answer();
      })
      .finally(() => this.#working.delete(id));
  }

  /** Tells whoever is at its other end. */
  notify(method: string, params?: Json): void {
    if (this.#isModern) this.#listeners.notify(method, params);
    else this.end.notify(method, params);
  }

  #abort(id: Id): void {
    this.#working.get(id)?.abort();
    this.#working.delete(id);
  }

  /** Both sides know at once; by itself the transport tells them some turns later, and a call between would end otherwise. */
  close(): void {
    for (const half of this.#halves) half.onclose?.();
    void this.end.close();
  }
}

/** What a call of the legacy era is given. */
function legacyContext(served: Served, end: JsonRpcEnd): FakeContext {
  const { params, signal, notify } = served;
  return {
    progress: (...step) => tellProgress(served, ...step),
    log: (level, data) => notify("notifications/message", { level, data }),
    ask: (method, about) => end.request(method, about).result,
    signal,
    meta: metaOf(params),
    request: params,
  };
}
