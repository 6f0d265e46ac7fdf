import type { PluginHost } from "mcp-host";
import type { Message } from "./groups.ts";
import type { ReceiverOptions } from "./options.ts";
import { Sender, SendFailure } from "./sender.ts";
import type { Instruments } from "./tally.ts";
import { bodyOf } from "./templates.ts";

/** What came of a message; `maybe`: nobody knows. */
export type Outcome = "taken" | "not" | "maybe";

/** Milliseconds that the end waits for what is under way: given up, it may have been taken and be sent again. */
const LAST_WAIT = 1_500;

/** Brings one receiver its messages, one after the other; one that is down is tried again ever more rarely. */
export class Receiver {
  readonly options: ReceiverOptions;
  readonly #instance: string;
  readonly #host: Pick<PluginHost, "clock" | "random" | "log">;
  readonly #instruments: Instruments;
  readonly #sender: Sender;
  readonly #end = new AbortController();
  #running: Promise<unknown> | undefined;
  #failures = 0;
  /** Not before then, on the monotonic clock. */
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #trouble: string | undefined;
  #sent = 0;
  #failed = 0;
  /** Messages that wait. */
  waiting = 0;

  constructor(options: ReceiverOptions, instance: string, host: Pick<PluginHost, "clock" | "random" | "log">, instruments: Instruments) {
    this.options = options;
    this.#instance = instance;
    this.#host = host;
    this.#instruments = instruments;
    this.#sender = new Sender(options, host);
  }

  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Milliseconds until it may be tried again. */
  get pause(): number {
    return Math.max(0, this.#pausedUntil - this.#host.clock.monotonic());
  }

  /** Sends one message, while no other is under way. @param over told what came of it */
  send(message: Message, over: (outcome: Outcome) => unknown): void {
    this.#running = this.#try(message)
      .then(async (outcome) => {
        await over(outcome);
        if (outcome !== "taken") return;
        this.#sent++;
        this.#instruments.sent.add(1, this.options.name, message.firing.length > 0 ? "firing" : "resolved");
      })
      .catch((error: unknown) => this.#host.log.error("what came of an alert could not be noted", { reason: String(error) }))
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #try(message: Message): Promise<Outcome> {
    const { name } = this.options;
    try {
      await this.#post(message, this.#end.signal);
    } catch (error) {
      if (!this.#end.signal.aborted) this.#fails(error);
      return error instanceof SendFailure && error.isUncertain ? "maybe" : "not";
    }
    if (this.#trouble !== undefined) this.#host.log.info("a receiver of alerts takes them again", { receiver: name });
    this.#trouble = undefined;
    this.#failures = 0;
    return "taken";
  }

  #post(message: Message, stop: AbortSignal): Promise<void> {
    const body = JSON.stringify(bodyOf({ receiver: this.options, instance: this.#instance, message }));
    return this.#sender.send(message.id, body, stop);
  }

  #fails(error: unknown): void {
    const { name, backoff, maxBackoff } = this.options;
    const failure = error instanceof SendFailure ? error : new SendFailure("unreachable", "it cannot be reached");
    this.#failed++;
    this.#instruments.failed.add(1, name, failure.reason);
    // Told once, and when it is over: it is tried for as long as there is something to tell.
    if (this.#trouble !== failure.message)
      this.#host.log.warn("a receiver of alerts does not take them; they are sent again", { receiver: name, reason: failure.message });
    this.#trouble = failure.message;
    const longest = failure.isRefused ? maxBackoff : Math.min(backoff * 2 ** Math.min(this.#failures++, 30), maxBackoff);
    const pause = longest * (0.5 + this.#host.random.float() / 2);
    this.#pausedUntil = this.#host.clock.monotonic() + Math.max(pause, failure.retryAfter ?? 0);
  }

  /** Posts messages at once, whatever else is under way, and says what came of them. @returns why it was not taken, or undefined */
  async test(messages: readonly Message[]): Promise<string | undefined> {
    try {
      for (const message of messages) await this.#post(message, this.#end.signal);
      return undefined;
    } catch (error) {
      return error instanceof SendFailure ? error.message : "it cannot be reached";
    }
  }

  report(): Record<string, unknown> {
    const { template } = this.options;
    return {
      template,
      sent: this.#sent,
      failed: this.#failed,
      waiting: this.waiting,
      ...(this.#trouble !== undefined && { trouble: this.#trouble, retryIn: Math.ceil(this.pause) }),
    };
  }

  async close(): Promise<void> {
    if (this.#running) await Promise.race([this.#running, this.#late()]);
    this.#end.abort();
    await this.#sender.close();
    await this.#running;
  }

  #late(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, LAST_WAIT).unref());
  }
}
