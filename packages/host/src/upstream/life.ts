import { HostError, PeerError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Link } from "../wire/link.ts";
import type { Json } from "../wire/message.ts";
import { Peer, type PeerEvents, type RequestOptions } from "../wire/peer.ts";
import { failure } from "./failure.ts";
import { type Probe, Upkeep, type UpkeepConfig, type UpkeepEvents } from "./upkeep.ts";

/** What becomes of a call's progress, and of its result as soon as it is read. */
export type CallOptions = Pick<RequestOptions<HostExchange>, "progress" | "answered">;

/** One life of a connection: the conversation over one link, from its opening to its end. */
export class Life {
  readonly peer: Peer<HostExchange>;
  /** Whether it has answered a call or read the lists, and so more than `initialize`. */
  hasServed = false;
  readonly #upstream: string;
  readonly #closed: (error: HostError) => void;
  #upkeep: Upkeep | undefined;
  #lastUse = performance.now();
  #lastAnswer = this.#lastUse;

  constructor(upstream: string, link: Link, events: PeerEvents<HostExchange>) {
    this.#upstream = upstream;
    this.#closed = events.closed;
    this.peer = new Peer(upstream, link, events);
  }

  /** Sends a client's request and notes on its exchange how far it came: when, whether it was sent, when it was answered. */
  call(exchange: HostExchange, params: Json, options: CallOptions): Promise<Json> {
    const { progress, answered } = options;
    const outstanding = this.peer.request(exchange.method, params, { origin: exchange, progress, answered });
    exchange.sent = "unknown";
    exchange.timings.sent = performance.now();
    exchange.onStop(outstanding.cancel);
    const ended = (): void => {
      exchange.offStop(outstanding.cancel);
      exchange.timings.answered = this.#lastUse = performance.now();
    };
    return outstanding.result.then(
      (result) => {
        exchange.sent = "yes";
        ended();
        this.#lastAnswer = this.#lastUse;
        this.hasServed = true;
        return result;
      },
      (error: unknown) => {
        ended();
        if (error instanceof HostError) exchange.sent = error.sent;
        else if (error instanceof PeerError) {
          exchange.sent = "yes";
          this.#lastAnswer = this.#lastUse; // any other failure is no sign of life
        }
        throw error;
      },
    );
  }

  /** Watches it from now on; one that does not answer any more is closed. */
  watch(config: UpkeepConfig, events: Pick<UpkeepEvents, "needed" | "answered" | "degraded" | "unused">, probe: Probe): void {
    const { peer } = this;
    this.#lastAnswer = this.#lastUse = performance.now();
    this.#upkeep = new Upkeep(
      config,
      {
        ...events,
        ask: (method, timeout) => peer.request(method, undefined, { timeout }).result,
        lastUse: () => this.#lastUse,
        lastAnswer: () => this.#lastAnswer,
        inFlight: () => peer.inFlight,
        needed: () => peer.inFlight > 0 || events.needed(),
        dead: () => this.#closed(failure(this.#upstream, "upstream_lost", "does not answer pings", "unknown")),
      },
      probe,
    );
  }

  unwatch(): void {
    this.#upkeep?.stop();
  }
}
