import { HostError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Link } from "../wire/link.ts";
import type { Json } from "../wire/message.ts";
import { Peer, type PeerEvents, type RequestOptions } from "../wire/peer.ts";
import { PeerError } from "../wire/peer-error.ts";
import { failure } from "./failure.ts";
import { type Probe, Upkeep, type UpkeepConfig, type UpkeepEvents } from "./upkeep.ts";

/** Failures after which it is to be shown that the server is there. Others are no news: the host's own, of the client, or about access and load. */
const DOUBTFUL = new Set(["upstream_error", "upstream_lost", "upstream_protocol", "upstream_timeout"]);

/** What becomes of a call's progress, and of its result as soon as it is read; and the headers that it is sent with. */
export type CallOptions = Pick<RequestOptions<HostExchange>, "progress" | "alive" | "answered" | "fresh" | "headers">;

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
  /** Whether calls have failed since the server last answered. */
  #inDoubt = false;

  constructor(upstream: string, link: Link, events: PeerEvents<HostExchange>) {
    this.#upstream = upstream;
    this.#closed = events.closed;
    this.peer = new Peer(upstream, link, events);
  }

  /** Sends a client's request and notes on its exchange how far it came: when, whether it was sent, when it was answered. */
  call(exchange: HostExchange, params: Json, options: CallOptions): Promise<Json> {
    const { progress, alive, answered, fresh, headers } = options;
    const outstanding = this.peer.request(exchange.method, params, { origin: exchange, progress, alive, answered, fresh, headers });
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
        this.#lives();
        this.hasServed = true;
        return result;
      },
      (error: unknown) => {
        ended();
        if (error instanceof HostError) {
          exchange.sent = error.sent;
          if (DOUBTFUL.has(error.type)) this.#inDoubt = true;
        } else if (error instanceof PeerError) {
          exchange.sent = "yes";
          this.#lives();
        }
        throw error;
      },
    );
  }

  /** It has answered a call just now. */
  #lives(): void {
    this.#lastAnswer = this.#lastUse;
    this.#inDoubt = false;
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
        inDoubt: () => this.#inDoubt,
        answered: (latency) => {
          this.#inDoubt = false;
          events.answered(latency);
        },
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
