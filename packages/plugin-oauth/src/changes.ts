import { isObject, type Logger } from "mcp-host";
import type { Owner } from "./grants.ts";
import type { Kept } from "./memory.ts";
import { digest } from "./records.ts";

const CHANNEL = "changed";

/** Who signed in, or out, where. */
export interface Change extends Pick<Owner, "url" | "who"> {
  readonly isSignedIn: boolean;
}

/** Tells every host that shares the store who has signed in or out, and whoever waits for it here. */
export class Changes {
  readonly #store: () => Kept;
  readonly #log: Logger;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(store: () => Kept, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** @param heard told of each change @returns ends it */
  listen(heard: (change: Change) => void): () => void {
    return this.#store().subscribe(CHANNEL, (message) => {
      if (!isObject(message) || typeof message.url !== "string" || typeof message.who !== "string") return;
      heard({ url: message.url, who: message.who, isSignedIn: message.isSignedIn === true });
      for (const wake of this.#waiting.get(digest(message.who, message.url)) ?? []) wake();
    });
  }

  async tell({ url, who }: Owner, isSignedIn: boolean): Promise<void> {
    try {
      await this.#store().publish(CHANNEL, { url, who, isSignedIn });
    } catch (error) {
      this.#log.warn("other hosts could not be told of a sign-in, and learn of it when they need it", {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }

  /** Resolves at the next change, when the signal is aborted, or after `patience` milliseconds. */
  next({ url, who }: Owner, signal: AbortSignal, patience: number): Promise<void> {
    const key = digest(who, url);
    let waiting = this.#waiting.get(key);
    if (!waiting) this.#waiting.set(key, (waiting = new Set()));
    const all = waiting;
    return new Promise((resolve) => {
      const over = (): void => {
        all.delete(over);
        if (all.size === 0 && this.#waiting.get(key) === all) this.#waiting.delete(key);
        signal.removeEventListener("abort", over);
        clearTimeout(late);
        resolve();
      };
      const late = setTimeout(over, patience).unref();
      all.add(over);
      signal.addEventListener("abort", over, { once: true });
      if (signal.aborted) over();
    });
  }
}
