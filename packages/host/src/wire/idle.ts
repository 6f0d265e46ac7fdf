import { withDeadline } from "./deadline.ts";

/** Tells whoever waits for it that nothing is under way any more. */
export class Idle {
  #waiting: (() => void)[] = [];

  /** Nothing is under way now. */
  reached(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when it is reached, or after so many milliseconds. */
  within(milliseconds: number): Promise<void> {
    const reached = new Promise<void>((resolve) => this.#waiting.push(resolve));
    return withDeadline(reached, milliseconds, () => {});
  }
}
