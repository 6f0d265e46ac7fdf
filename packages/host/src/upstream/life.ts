import { HostError, PeerError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Link } from "../wire/link.ts";
import type { Json } from "../wire/message.ts";
import { Peer, type PeerEvents, type RequestOptions } from "../wire/peer.ts";
import { failure } from "./failure.ts";
import { Upkeep, type UpkeepConfig, type UpkeepEvents } from "./upkeep.ts";

/** Failures after which it is to be shown that the server is there. Others are no news: the host's own, of the client, or about access and load. */
const DOUBTFUL = new Set(["upstream_error", "upstream_lost", "upstream_protocol", "upstream_timeout"]);

/** What becomes of a call's progress, and of its result as soon as it is read. */
export type CallOptions = Pick<RequestOptions<HostExchange>, "progress" | "alive" | "answered">;

/** One life of a connection: the conversation over one link, from its opening to its end. */
export class Life {
  readonly peer: Peer<HostExchange>;
  /** Whether it has answered a call or read the lists, and so more than `initialize`. */
  hasServed = false;
  readonly #upstream: string;
  readonly #closed: (error: HostError) => void;
  #upkeep: Upkeep | undefined;
  #lastUse = performance.now();
  /** Whether calls have failed since the server last answered. */
  #inDoubt = false;

  constructor(upstream: string, link: Link, events: PeerEvents<HostExchange>) {
    this.#upstream = upstream;
    this.#closed = events.closed;
    this.peer = new Peer(upstream, link, events);
  }

  /** Sends a client's request and notes on its exchange how far it came: when, whether it was sent, when it was answered. */
  call(exchange: HostExchange, params: Json, options: CallOptions): Promise<Json> {
    const { progress, alive, answered } = options;
    const outstanding = this.peer.request(exchange.method, params, { origin: exchange, progress, alive, answered });
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
        this.#inDoubt = false;
        this.hasServed = true;
        return result;
      },
      (error: unknown) => {
        if (error instanceof HostError) {
          exchange.sent = error.sent;
          if (DOUBTFUL.has(error.type)) this.#inDoubt = true;
        } else if (error instanceof PeerError) {
          exchange.sent = "yes";
          this.#inDoubt = false;
        }
        ended();
        throw error;
      },
    );
  }

  /** Watches it from now on; one that does not answer pings any more is closed. */
  watch(config: UpkeepConfig, events: Pick<UpkeepEvents, "needed" | "answered" | "degraded" | "unused">): void {
    const { peer } = this;
    this.#lastUse = performance.now();
    this.#upkeep = new Upkeep(config, {
      ...events,
      ping: (timeout) => peer.request("ping", undefined, { timeout }).result,
      lastUse: () => this.#lastUse,
      inDoubt: () => this.#inDoubt,
      answered: (latency) => {
        this.#inDoubt = false;
        events.answered(latency);
      },
      inFlight: () => peer.inFlight,
      needed: () => peer.inFlight > 0 || events.needed(),
      dead: () => this.#closed(failure(this.#upstream, "upstream_lost", "does not answer pings", "unknown")),
    });
  }

  unwatch(): void {
    this.#upkeep?.stop();
  }
}
