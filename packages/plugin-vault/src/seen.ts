import { chmodSync, readFileSync, writeFileSync } from "node:fs";

const MOST = 100;

/**
 * The newest generation of each vault that anybody has seen, in a file beside the key, so not beside the vault: of a vault that was put back as it
 * was earlier it tells that. Whoever may write both is not stopped by it. Where it cannot be written, nobody remembers.
 */
export class Seen {
  readonly #path: string;
  readonly #known = new Map<string, number>();

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The newest generation of each vault that has been seen up to now. A vault is written before its generation is remembered, so what is read after
   * this is no older, unless it was put back.
   */
  upToNow(): (id: string) => number {
    const [known, kept] = [new Map(this.#known), this.#read()];
    return (id) => Math.max(known.get(id) ?? 0, kept[id] ?? 0);
  }

  remember(id: string, generation: number): void {
    this.#known.set(id, generation);
    const { [id]: _, ...others } = this.#read();
    const kept = Object.fromEntries(Object.entries(others).slice(-MOST + 1));
    try {
      writeFileSync(this.#path, `${JSON.stringify({ ...kept, [id]: generation })}\n`, { mode: 0o600 });
      chmodSync(this.#path, 0o600);
    } catch {
      // a folder that is mounted; within this process it is remembered
    }
  }

  #read(): Record<string, number> {
    try {
      const seen = JSON.parse(readFileSync(this.#path, "utf8")) as unknown;
      if (typeof seen !== "object" || seen === null) return {};
      return Object.fromEntries(Object.entries(seen).filter((each): each is [string, number] => Number.isSafeInteger(each[1])));
    } catch {
      return {};
    }
  }
}
