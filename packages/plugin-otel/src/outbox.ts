import type { PluginClock } from "mcp-host";
import type { Courier } from "./delivery.ts";
import type { BatchSettings } from "./options.ts";

/** What waits to be sent of one signal. Nobody waits for it: what there is no room for is dropped and counted. */
export class Outbox<T> {
  readonly #courier: Courier<T>;
  readonly #settings: BatchSettings;
  readonly #clock: PluginClock;
  #waiting: T[] = [];
  #timer: (() => void) | undefined;
  #sending: Promise<void> | undefined;
  #isClosed = false;

  constructor(courier: Courier<T>, settings: BatchSettings, clock: PluginClock) {
    this.#courier = courier;
    this.#settings = settings;
    this.#clock = clock;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  readonly add = (item: T): void => {
    const { queue, max, delay } = this.#settings;
    const { tally } = this.#courier;
    if (this.#isClosed) return tally.dropped(1, "shutdown");
    if (this.#waiting.length >= queue) return tally.dropped(1, "queue_full");
    this.#waiting.push(item);
    if (this.#sending) return;
    if (this.#waiting.length === max) this.#soon(0);
    else if (!this.#timer) this.#soon(delay);
  };

  #soon(milliseconds: number): void {
    this.#timer?.();
    this.#timer = this.#clock.setTimeout(() => void this.#send(), milliseconds);
  }

  /** Sends whole batches while there are any, and one that is not whole to begin with. */
  #send(): Promise<void> {
    this.#timer?.();
    this.#timer = undefined;
    this.#sending ??= this.#batches().finally(() => {
      this.#sending = undefined;
      if (this.#waiting.length > 0 && !this.#isClosed) this.#soon(this.#settings.delay);
    });
    return this.#sending;
  }

  async #batches(): Promise<void> {
    do await this.#courier.bring(this.#waiting.splice(0, this.#settings.max));
    while (this.#waiting.length >= this.#settings.max || (this.#isClosed && this.#waiting.length > 0));
  }

  /** Takes nothing any more and sends what there is, each batch once. */
  async finish(): Promise<void> {
    this.#isClosed = true;
    this.#courier.hurry();
    await this.#sending;
    if (this.#waiting.length > 0) await this.#send();
  }

  /** What is left is given up. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.();
    this.#courier.tally.dropped(this.#waiting.length, "shutdown");
    this.#waiting = [];
    return this.#courier.close();
  }
}
