import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { proxiedFetch, retryAfter } from "mcp-host";
import type { WebhookOptions } from "./options.ts";
import type { Receiver } from "./shipping.ts";

/** Milliseconds between two notes of how far it came: after a kill so much is sent once more. */
const NOTE_EVERY = 1_000;

/** The file that says up to which line a log was sent. */
const noteOf = (file: string): string => `${file}.sent`;

/** The last line that was sent, as it was noted; 0 where nothing was. */
export function sentUpTo(file: string): number {
  try {
    const text = readFileSync(noteOf(file), "utf8");
    return /^\d{1,16}\n$/.test(text) ? Number(text) : 0;
  } catch {
    return 0;
  }
}

/** A receiver over HTTP: lines as `application/x-ndjson`. Any 2xx takes them, anything else does not. */
export class Webhook implements Receiver {
  readonly #options: WebhookOptions;
  readonly #note: string;
  readonly #end = new AbortController();
  #noted = Number.NEGATIVE_INFINITY;
  #last: number | undefined;

  /** @param file the log's, absolute */
  constructor(options: WebhookOptions, file: string) {
    this.#options = options;
    this.#note = noteOf(file);
  }

  async take(lines: readonly string[], first: number, last: number): Promise<void> {
    const { url, token, timeout } = this.#options;
    // By hand: Node 20 loses what `AbortSignal.any` is made of once nobody else holds it, and with it the time limit.
    const given = new AbortController();
    const late = setTimeout(() => given.abort(new DOMException("too late", "TimeoutError")), timeout);
    const end = (): void => given.abort();
    this.#end.signal.addEventListener("abort", end);
    if (this.#end.signal.aborted) end();
    let response: Response;
    try {
      response = await proxiedFetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/x-ndjson",
          // Who gets the same lines again can tell.
          "idempotency-key": `${first}-${last}`,
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        body: `${lines.join("\n")}\n`,
        redirect: "manual",
        signal: given.signal,
      });
    } catch (error) {
      const { name, cause } = error as Error & { cause?: NodeJS.ErrnoException }; // fetch throws these
      throw new Error(name === "TimeoutError" ? `it did not answer within ${timeout} ms` : `it cannot be reached (${cause?.code ?? name})`);
    } finally {
      clearTimeout(late);
      this.#end.signal.removeEventListener("abort", end);
    }
    // Nobody reads what it says, and nobody waits until that is over.
    response.body?.cancel().catch(() => {});
    if (response.ok) return;
    throw Object.assign(new Error(`it answered with HTTP ${response.status}`), {
      retryAfter: retryAfter(Object.fromEntries(response.headers)),
    });
  }

  async taken(last: number): Promise<void> {
    this.#last = last;
    if (performance.now() - this.#noted > NOTE_EVERY) await this.#write();
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#write();
  }

  async #write(): Promise<void> {
    if (this.#last === undefined) return;
    const text = `${this.#last}\n`;
    this.#last = undefined;
    this.#noted = performance.now();
    try {
      await writeFile(`${this.#note}.new`, text, { mode: 0o600 });
      await rename(`${this.#note}.new`, this.#note);
    } catch {
      // then more is sent once more after the next start; that the disk is full the log itself says
    }
  }
}
