import { randomUUID } from "node:crypto";
import { isObject, type Lease, type PluginHost, type Store } from "mcp-host";
import { z } from "zod";
import type { Alert } from "./alerts.ts";
import type { AllTold } from "./groups.ts";
import { SEVERITIES } from "./rules.ts";

/** What is kept for the next start. */
export interface State {
  readonly alerts: readonly Alert[];
  readonly told: AllTold;
}

const text = z.string().max(10_000);
const texts = z.record(z.string(), text);
const state = z.object({
  alerts: z
    .array(
      z.object({
        ...{ id: text, rule: text, subject: text, summary: text, group: text },
        state: z.enum(["pending", "firing", "over"]),
        severity: z.enum(SEVERITIES),
        ...{ labels: texts, groupLabels: texts },
        runbook: text.optional(),
        since: z.number(),
        ...{ firedAt: z.number().optional(), wellSince: z.number().optional(), endedAt: z.number().optional() },
      }),
    )
    .max(10_000),
  told: z.record(z.string(), z.record(z.string(), z.object({ at: z.number(), firing: z.array(text), maybe: z.array(text).optional() }))),
});

/** Who runs in this process, so that one that a reload brings asks the one before it, and nobody else's, to make room. */
const PROCESS = randomUUID();
let generations = 0;

/** Alerts of a host that is gone for so long are nobody's any more. */
const FORGOTTEN = 30 * 86_400_000;

/** How often one asks those before it to make room; then it is another process that looks, and need not make any. */
const ASKING = 120;

/** Least milliseconds that a lease lasts. */
const LEAST = 2_000;

/**
 * What is kept in the host's store under the name of an instance, and who of those that have this name looks after it: one at a time, so
 * that a reload, or a second host on the same store, tells nothing twice.
 */
export class Kept {
  readonly #host: Pick<PluginHost, "log" | "clock">;
  readonly #store: Store;
  readonly #key: string;
  readonly #ttl: number;
  readonly #generation = ++generations;
  readonly #unsubscribe: () => void;
  #lease: Lease | undefined;
  #renewed = Number.NEGATIVE_INFINITY;
  /** Until when it makes room for a younger one. */
  #yieldsUntil = Number.NEGATIVE_INFINITY;
  #wantsRoom = false;
  #isTroubled = false;
  #asked = 0;

  /** @param asked told when a younger one asks for room */
  constructor(host: Pick<PluginHost, "id" | "store" | "log" | "clock">, instance: string, interval: number, asked: () => void) {
    this.#host = host;
    this.#store = host.store(host.id);
    this.#key = instance;
    this.#ttl = Math.max(LEAST, 3 * interval);
    this.#unsubscribe = this.#store.subscribe(`room:${instance}`, (message) => {
      if (!isObject(message) || message.process !== PROCESS || Number(message.generation) <= this.#generation) return;
      this.#wantsRoom = true;
      asked();
    });
  }

  get isHeld(): boolean {
    return this.#lease !== undefined;
  }

  /** Whether it asks for room, so that it is to look again soon. */
  get isAsking(): boolean {
    return this.#asked < ASKING;
  }

  /** Whether a younger one waits for this one to let go. */
  get wantsRoom(): boolean {
    return this.#wantsRoom && this.isHeld;
  }

  /**
   * Whether this one looks after the instance now. `taken`: since now, so that what is kept is to be read. Where the store fails it does: to
   * be told twice is better than not at all.
   */
  async hold(): Promise<"held" | "taken" | "not"> {
    const now = this.#host.clock.monotonic();
    try {
      if (this.#lease) {
        if (now - this.#renewed < this.#ttl / 3) return "held";
        if (await this.#lease.renew(this.#ttl)) {
          this.#renewed = now;
          return "held";
        }
        this.#lease = undefined;
      }
      if (now < this.#yieldsUntil) return "not";
      this.#lease = await this.#store.lease(`watch:${this.#key}`, this.#ttl);
      if (this.#lease) {
        this.#renewed = now;
        this.#asked = 0;
        return "taken";
      }
      if (this.#asked++ < ASKING) await this.#store.publish(`room:${this.#key}`, { process: PROCESS, generation: this.#generation });
      return "not";
    } catch (error) {
      this.#trouble(error);
      return "held";
    }
  }

  async read(): Promise<State | undefined> {
    try {
      const found = await this.#store.get(`state:${this.#key}`);
      if (found === undefined) return undefined;
      const parsed = state.safeParse(found);
      if (parsed.success) return parsed.data;
      this.#host.log.warn("what was kept of alerts cannot be read; they begin anew", { instance: this.#key });
    } catch (error) {
      this.#trouble(error);
    }
    return undefined;
  }

  async write({ alerts, told }: State): Promise<void> {
    try {
      const isEmpty = alerts.length === 0 && Object.keys(told).length === 0;
      await this.#store.set(`state:${this.#key}`, isEmpty ? undefined : { alerts, told }, FORGOTTEN);
      this.#isTroubled = false;
    } catch (error) {
      this.#trouble(error);
    }
  }

  /** Lets go for a moment, in which the younger one takes it; should that one go, this one looks after it again. */
  async makeRoom(): Promise<void> {
    this.#wantsRoom = false;
    this.#yieldsUntil = this.#host.clock.monotonic() + 2 * LEAST;
    await this.#release();
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#release();
  }

  async #release(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    try {
      await lease?.release();
    } catch (error) {
      this.#trouble(error);
    }
  }

  #trouble(error: unknown): void {
    if (this.#isTroubled) return;
    this.#isTroubled = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#host.log.warn("alerts cannot be kept in the store: a restart may tell them again", { reason });
  }
}
