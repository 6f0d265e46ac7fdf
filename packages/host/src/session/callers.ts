import { HostError } from "../errors.ts";
import type { ClientFacts, Principal } from "../exchange/caller.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { capabilitySet } from "../upstream/capabilities.ts";
import { BoundedMap } from "../wire/bounded-map.ts";
import type { Limits } from "../wire/limits.ts";
import type { Json, Request } from "../wire/message.ts";
import { bareParams } from "../wire/modern.ts";
import { hasTasks, TASKS } from "../wire/tasks.ts";
import { type LocalPipe, ModernCaller, type ModernHost } from "./modern-caller.ts";
import { Parking, type RoundReply } from "./parking.ts";
import { answered, RoundStates, responsesIn, unasked } from "./round-states.ts";

/** How often those that are not used any more are looked for. */
const SWEEP = 60_000;
/** Declarations of capabilities that are remembered: clients are of few kinds. */
const DECLARATIONS = 1_000;
/** Characters of one that is. */
const DECLARED = 1_000;

export interface CallersOptions {
  readonly host: ModernHost;
  readonly limits: Pick<
    Limits,
    "callers" | "callerIdle" | "inFlightPerSession" | "parked" | "parkedPerCaller" | "parkTime" | "clientQueueBytes"
  >;
  /** Secrets that what clients keep for the host is sealed with, the newest first; with none it is valid in this process alone. */
  readonly stateKey: readonly string[];
  /** Whether some server keeps its clients apart, so that those that nobody can tell apart may share nothing. */
  readonly isolates: () => boolean;
  /** Something that was kept for one is to go with it. */
  readonly closed: (caller: ModernCaller) => void;
}

/** Every caller of the modern era for whom something is kept, within bounds of number and idleness. */
export class Callers {
  readonly #options: CallersOptions;
  /** Calls that wait for their clients' answers. */
  readonly #parking: Parking;
  readonly #states: RoundStates;
  /** What clients can be asked, by what they declare: as texts, since every request declares it. */
  readonly #askable = new BoundedMap<string, string>(DECLARATIONS);
  /** That of the last request: the next mostly comes from there, too. */
  #last: Known | undefined;
  readonly #byPlace = new Map<string, ModernCaller>();
  readonly #byId = new Map<string, ModernCaller>();
  #sweep: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: CallersOptions) {
    this.#options = options;
    this.#states = new RoundStates(options.stateKey);
    this.#parking = new Parking(options.limits, this.#states);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Calls that wait for their clients' answers. */
  get parked(): number {
    return this.#parking.size;
  }

  [Symbol.iterator](): IterableIterator<ModernCaller> {
    return this.#byId.values();
  }

  get(id: string): ModernCaller | undefined {
    return this.#byId.get(id);
  }

  /** Takes one request with its envelope. Gives its exchange; undefined when it was answered at once. @throws HostError where it may not begin */
  receive(from: From, { id, method, params }: Request, client: ClientFacts, reply: RoundReply, bytes?: number): HostExchange | undefined {
    const known = this.#knownAs(from);
    const { key } = known;
    const bare = bareParams(params, method);
    const request: Request = bare ? { jsonrpc: "2.0", id, method, params: bare } : { jsonrpc: "2.0", id, method };
    const { requestState: state, inputResponses } = params ?? {};
    const isRound = method !== "tasks/update" && (state !== undefined || inputResponses !== undefined);
    if (!isRound) return this.#find(known, from, client).receive(request, client, reply, bytes);
    const responses = responsesIn(inputResponses);
    const opened = state === undefined ? unasked(responses) : this.#states.open(state, key, request);
    if ("handle" in opened) return this.#parking.resume({ request, client, reply, parked: opened, responses, key });
    return this.#find(known, from, client).receive(request, client, reply, bytes, answered(opened, responses));
  }

  #knownAs(from: From): Known {
    const { principal, endpoint, capabilities, pipe } = from;
    const declared = isEmpty(capabilities) ? "{}" : JSON.stringify(capabilities); // many declare nothing, and to write that costs as much
    const last = this.#last;
    // The same object says the same: what authenticates a request makes one of its own.
    if (last?.principal === principal && last.endpoint === endpoint && last.pipe === pipe && last.declared === declared) return last;
    const key = this.#keyOf(from, declared);
    return (this.#last = { principal, endpoint, pipe, declared, key, place: pipe ? `${pipe.id} ${key}` : key });
  }

  /** What a caller is known by: whatever makes a difference to what its clients may do, see and be asked. */
  #keyOf({ principal: { id, binding, roles, claims }, endpoint, capabilities }: From, declared: string): string {
    const who = JSON.stringify([id, binding, roles.length > 1 ? [...roles].sort() : roles, claims, endpoint]);
    if (declared.length > DECLARED) return who + JSON.stringify(askable(capabilities));
    let asked = this.#askable.get(declared);
    if (asked === undefined) this.#askable.set(declared, (asked = JSON.stringify(askable(capabilities))));
    return who + asked;
  }

  /** The caller that a request comes from. @throws HostError where there are too many, or the host stops */
  #find({ key, place }: Known, from: From, client: ClientFacts): ModernCaller {
    if (this.#closing) throw new HostError("shutting_down", "the host is stopping");
    // Nobody can tell anonymous clients apart, so that a server that keeps clients apart gets one for each request.
    if (from.principal.id === "anonymous" && !from.pipe && this.#options.isolates()) return this.#open(key, undefined, from, client);
    return this.#byPlace.get(place) ?? this.#open(key, place, from, client);
  }

  /** @param place where it is found again; undefined for a caller of one request */
  #open(
    key: string,
    place: string | undefined,
    { principal, endpoint, capabilities, pipe }: From,
    { info, version }: ClientFacts,
  ): ModernCaller {
    const { host, limits } = this.#options;
    if (this.#byId.size >= limits.callers && !this.#makeRoom())
      throw new HostError("overloaded", `${this.#byId.size} clients are being served already`, { retryAfterMs: SWEEP });
    const caller = new ModernCaller({
      host,
      parking: this.#parking,
      states: this.#states,
      key,
      place,
      pipe,
      principal,
      endpoint,
      capabilities: askable(capabilities),
      network: pipe === undefined,
      inFlight: limits.inFlightPerSession,
      over: place === undefined ? (one) => this.close(one) : undefined,
    });
    // A server of one client's own sees that client.
    if (caller.sole) caller.client = { info, version, logLevel: undefined };
    this.#byId.set(caller.id, caller);
    if (place !== undefined) this.#byPlace.set(place, caller);
    this.#sweep ??= setInterval(() => this.#expire(), SWEEP).unref();
    return caller;
  }

  /** Whether one has the connections to its servers for itself. */
  get hasSole(): boolean {
    for (const caller of this.#byId.values()) if (caller.sole) return true;
    return false;
  }

  /** A pipe is closed: its callers go with it. */
  closePipe(pipe: LocalPipe, error: HostError): void {
    for (const caller of [...this.#byId.values()]) if (caller.pipe === pipe) this.close(caller, error);
  }

  close(caller: ModernCaller, error = new HostError("shutting_down", "its client is gone")): void {
    if (!this.#byId.delete(caller.id)) return;
    const { place } = caller;
    if (place !== undefined && this.#byPlace.get(place) === caller) this.#byPlace.delete(place);
    caller.close(error);
    this.#options.closed(caller);
  }

  /** Lets the one go that was not used for longest. */
  #makeRoom(): boolean {
    let oldest: ModernCaller | undefined;
    for (const caller of this.#byId.values()) if (caller.mayGo && (!oldest || caller.seen < oldest.seen)) oldest = caller;
    if (oldest) this.close(oldest);
    return oldest !== undefined;
  }

  #expire(): void {
    const since = performance.now() - this.#options.limits.callerIdle;
    for (const caller of [...this.#byId.values()]) if (caller.mayGo && caller.seen < since) this.close(caller);
  }

  /** Refuses new ones, ends subscriptions, lets what else is in flight finish, then closes all. */
  async end(drain: number): Promise<void> {
    this.#closing = true;
    clearInterval(this.#sweep);
    for (const caller of this.#byId.values()) caller.endListeners();
    await Promise.all([...this.#byId.values()].map((caller) => caller.drained(drain)));
    for (const caller of [...this.#byId.values()]) this.close(caller, new HostError("shutting_down", "the host is stopping"));
  }
}

/** Where a request comes from, as far as anything is kept by that. */
export interface From {
  readonly principal: Principal;
  readonly endpoint: string | undefined;
  /** As the request declares them. */
  readonly capabilities: Readonly<Json>;
  /** Undefined over the network. */
  readonly pipe?: LocalPipe | undefined;
}

/** Where requests come from that belong together, and what their caller is known by. */
interface Known extends Omit<From, "capabilities"> {
  /** The capabilities, as text. */
  readonly declared: string;
  readonly key: string;
  /** Under which it is found: of a pipe's by nobody else. */
  readonly place: string;
}

function isEmpty(object: Readonly<Json>): boolean {
  for (const _ in object) return false;
  return true;
}

/** Tasks of clients are of the legacy era; those of servers are an extension in this one. */
function askable(capabilities: Readonly<Json>): Json {
  const { tasks: _, ...set } = capabilitySet(capabilities);
  return hasTasks(capabilities) ? { ...set, ...TASKS } : set;
}
