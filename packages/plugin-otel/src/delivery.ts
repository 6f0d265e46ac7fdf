import type { PluginHost } from "mcp-host";
import type { Collector, Delivery } from "./collector.ts";
import type { Encoder } from "./encoder.ts";
import type { Notices } from "./notices.ts";
import type { Tally } from "./tally.ts";

/** How often what may be taken later is sent, in all. */
const TRIES = 5;
/** Milliseconds before it is sent again, twice as many each time, and at most. */
const PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

/** Of a batch: it was taken, or never will be. */
export type Came = "taken" | "refused" | "unreachable" | "unwritable" | "shutdown";

export interface CourierOptions<T> {
  readonly collector: Collector;
  readonly encoder: () => Promise<Encoder<T>>;
  readonly tally: Tally;
  readonly notices: Notices;
  readonly host: Pick<PluginHost, "clock" | "random">;
  /** Whether what is not taken comes again with the next batch, so that nothing is lost. */
  readonly comesAgain?: true;
}

/** Brings batches of one signal to its collector, each as often as it takes and makes sense. */
export class Courier<T> {
  readonly tally: Tally;
  readonly #options: CourierOptions<T>;
  readonly #stop = new AbortController();
  /** Aborted when nothing is waited for any more: what is left is tried once. */
  readonly #hurry = new AbortController();

  constructor(options: CourierOptions<T>) {
    this.tally = options.tally;
    this.#options = options;
  }

  /** Brings one batch, and counts what came of it. Never rejects. */
  async bring(batch: readonly T[]): Promise<Came> {
    const { tally, notices, collector } = this.#options;
    let encoder: Encoder<T>;
    let message: Uint8Array;
    try {
      encoder = await this.#options.encoder();
      message = encoder.encode(batch);
    } catch (error) {
      notices.warn("what was to be told could not be written", tally.signal, { signal: tally.signal, reason: String(error) });
      tally.dropped(batch.length, "unwritable");
      return "unwritable";
    }
    for (let tried = 1; ; tried++) {
      const delivery = await collector.deliver(message, this.#stop.signal);
      if (delivery.did === "taken") {
        this.#taken(batch.length, delivery, encoder);
        return "taken";
      }
      tally.failed(delivery.why);
      notices.warn("the collector did not take what it was sent", tally.signal, { signal: tally.signal, reason: delivery.why });
      const isOver = delivery.did === "refused" || tried === TRIES || this.#hurry.signal.aborted;
      if (!isOver) await this.#pause(delivery.after, tried);
      else {
        const came = delivery.did === "refused" ? "refused" : this.#hurry.signal.aborted ? "shutdown" : "unreachable";
        if (!this.#options.comesAgain) tally.dropped(batch.length, came);
        return came;
      }
    }
  }

  #taken(count: number, { answer }: Extract<Delivery, { did: "taken" }>, encoder: Encoder<T>): void {
    const { tally, notices } = this.#options;
    let rejected = { count: 0, why: "" };
    try {
      rejected = encoder.rejected(answer);
    } catch {
      // Whatever it says, it took what it was sent.
    }
    const lost = Math.min(rejected.count, count);
    tally.taken(count - lost);
    tally.dropped(lost, "rejected");
    if (rejected.why !== "")
      notices.warn("the collector has something to say of what it took", tally.signal, {
        signal: tally.signal,
        rejected: lost,
        reason: rejected.why.slice(0, 256),
      });
  }

  /** @param after as long as the collector asks for */
  #pause(after: number | undefined, tried: number): Promise<void> {
    const { clock, random } = this.#options.host;
    const own = Math.min(PAUSE * 2 ** (tried - 1), LONGEST_PAUSE) * (0.5 + random.float());
    return clock.sleep(Math.min(after ?? own, LONGEST_PAUSE), this.#hurry.signal);
  }

  /** From now on everything is tried once. */
  hurry(): void {
    this.#hurry.abort();
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.hurry();
    this.#stop.abort(new Error("there was no time left"));
    await this.#options.collector.close();
  }
}
