import { statSync } from "node:fs";
import type { Vault } from "./vault.ts";
import { stampOf } from "./vault-file.ts";

const MAX_SUBSCRIPTIONS = 10_000;

/** What is published in one process, and heard in all that use the vault: each looks at the file, as long as anybody listens. */
export class Messages {
  readonly #vault: Vault;
  readonly #poll: number;
  readonly #listeners = new Map<string, Set<(message: unknown) => void>>();
  #subscriptions = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #stamp: string | undefined;
  /** The last message that was heard; undefined until it is known what was there before anybody listened. */
  #last: number | undefined;

  /** @param poll milliseconds between two looks */
  constructor(vault: Vault, poll: number) {
    this.#vault = vault;
    this.#poll = poll;
  }

  async publish(channel: string, message: unknown): Promise<void> {
    await this.#vault.change(({ live }) => {
      live.seq = Math.max(live.seq + 1, Date.now() * 1_000);
      live.messages.push({ seq: live.seq, at: Date.now(), channel, message });
      live.isChanged = true;
    });
    if (this.#timer) await this.#look();
  }

  /** @returns ends it */
  subscribe(channel: string, listener: (message: unknown) => void): () => void {
    if (this.#subscriptions >= MAX_SUBSCRIPTIONS)
      throw new Error(`the vault has ${MAX_SUBSCRIPTIONS} subscriptions; end those that are not needed`);
    let listeners = this.#listeners.get(channel);
    if (!listeners) this.#listeners.set(channel, (listeners = new Set()));
    // A function of its own for each subscription, since a set holds a function once.
    const own = (message: unknown): void => listener(message);
    listeners.add(own);
    this.#subscriptions++;
    if (!this.#timer) {
      this.#timer = setInterval(() => void this.#look(), this.#poll).unref();
      void this.#look();
    }
    return () => {
      if (!listeners.delete(own)) return;
      if (listeners.size === 0 && this.#listeners.get(channel) === listeners) this.#listeners.delete(channel);
      if (--this.#subscriptions > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#last = undefined;
      this.#stamp = undefined;
    };
  }

  /** One look after the other, so that messages keep their order. */
  async #look(): Promise<void> {
    while (this.#looking) await this.#looking;
    this.#looking = this.#read().catch((error: unknown) => {
      this.#vault.warn("what other hosts say of secrets cannot be heard", {
        reason: error instanceof Error ? error.message : String(error),
      });
    });
    await this.#looking;
    this.#looking = undefined;
  }

  async #read(): Promise<void> {
    const stamp = stampOf(statSync(this.#vault.livePath, { bigint: true, throwIfNoEntry: false }));
    if (this.#last !== undefined && stamp === this.#stamp) return;
    this.#stamp = stamp;
    const live = stamp === undefined ? undefined : await this.#vault.readLive();
    const before = this.#last;
    this.#last = Math.max(before ?? 0, live?.seq ?? 0);
    if (before === undefined || !live) return;
    for (const { seq, channel, message } of live.messages)
      if (seq > before) for (const listener of this.#listeners.get(channel) ?? []) this.#tell(listener, message);
  }

  /** What one listener throws is no business of the others. */
  #tell(listener: (message: unknown) => void, message: unknown): void {
    try {
      listener(message);
    } catch (error) {
      this.#vault.warn("a subscriber of a store for secrets failed", { reason: error instanceof Error ? error.message : String(error) });
    }
  }
}
