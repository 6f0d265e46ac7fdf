/** What was lost, and which calls were refused for want of room, until it can be written down. */
interface Gap {
  readonly since: number;
  readonly reason: string;
  lost: number;
  refused: number;
}

/** Counts what a log does not have. */
export class Losses {
  /** Records that found no room, and calls that were refused so that none was lost of them; since the log was opened. */
  lost = 0;
  refused = 0;
  #gap: Gap | undefined;

  lose(now: number, reason: string): void {
    this.lost++;
    this.#gapOf(now, reason).lost++;
  }

  refuse(now: number, reason: string): void {
    this.refused++;
    this.#gapOf(now, reason).refused++;
  }

  /** The record of what was not told yet; undefined where there is nothing. */
  told(now: number): string | undefined {
    if (!this.#gap) return undefined;
    const { since, ...rest } = this.#gap;
    this.#gap = undefined;
    return JSON.stringify({ type: "gap", at: new Date(now).toISOString(), since: new Date(since).toISOString(), ...rest });
  }

  #gapOf(since: number, reason: string): Gap {
    this.#gap ??= { since, reason, lost: 0, refused: 0 };
    return this.#gap;
  }
}
