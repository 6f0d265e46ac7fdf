import { registerSecret } from "mcp-host";

/** Secrets that come and go, kept out of logs: the newest of them. */
export class Secrets {
  readonly #kept = new Map<string, () => void>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  keep(secret: string): void {
    if (this.#kept.has(secret)) return;
    this.#kept.set(secret, registerSecret(secret));
    if (this.#kept.size <= this.#size) return;
    const [[oldest, forget]] = this.#kept as Iterable<[string, () => void]> as [[string, () => void]]; // more than the size, so not empty
    this.#kept.delete(oldest);
    forget();
  }

  /** The register is the process's own: what a host that has closed put there must not stay. */
  clear(): void {
    for (const forget of this.#kept.values()) forget();
    this.#kept.clear();
  }
}
