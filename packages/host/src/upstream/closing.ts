import { withDeadline } from "../wire/deadline.ts";

/** Whatever a link still waits for while it closes, the host does not wait longer. */
const END_TIMEOUT = 10_000;
/** How often is looked whether calls are over. */
const LOOK = 20;

/** Links on their way out: a child that does not want to go takes some seconds. */
export class Closing {
  readonly #under = new Set<Promise<void>>();

  end(peer: { close(): Promise<void> }): Promise<void> {
    const closed = peer.close().catch(() => {});
    const closing = withDeadline(closed, END_TIMEOUT, () => {}, { unref: true }).finally(() => this.#under.delete(closing));
    this.#under.add(closing);
    return closing;
  }

  /** Resolves when all that have begun are over. */
  async over(): Promise<void> {
    await Promise.all(this.#under);
  }
}

/** Resolves when a link has no call in flight any more, or after `milliseconds`. */
export async function quiet(inFlight: () => number, milliseconds: number): Promise<void> {
  const until = performance.now() + milliseconds;
  while (inFlight() > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, LOOK));
}
