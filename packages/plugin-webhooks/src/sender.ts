import { KeptConnections, type PluginHost, retryAfter, WebhookSigner } from "mcp-host";
import { HookFailure } from "./failure.ts";
import type { HookOptions } from "./options.ts";

/** Milliseconds before a connection that was refused or lost is tried again, twice as many each time. */
const PAUSE = 50;

/** What tells that nothing was answered, over a connection that could not be made or broke: such a question may be asked again. */
const LOST = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

type Options = Pick<HookOptions, "url" | "headers" | "secret" | "retries" | "connections" | "maxAnswer" | "timeout">;

/** One try that failed. `again` is after how many milliseconds another one makes sense; undefined where none does. */
class Lost extends HookFailure {
  readonly again: number | undefined;

  constructor(reason: HookFailure["reason"], message: string, again: number | undefined, cause?: unknown) {
    super(reason, message, cause);
    this.again = again;
  }
}

/** Brings questions to one hook, each within its time, and as often as it takes and is allowed. */
export class Sender {
  readonly #options: Options;
  readonly #host: Pick<PluginHost, "clock" | "random">;
  readonly #signer: WebhookSigner;
  readonly #connections: KeptConnections;
  readonly #sent: () => void;

  /** @param sent told of every request */
  constructor(options: Options, host: Pick<PluginHost, "clock" | "random">, sent: () => void) {
    this.#options = options;
    this.#host = host;
    this.#signer = new WebhookSigner([options.secret ?? []].flat());
    this.#connections = new KeptConnections(options.url, { connections: options.connections });
    this.#sent = sent;
  }

  /**
   * The text of a hook's answer.
   * @param stop aborted where nobody waits any more; then this rejects with its reason
   * @throws HookFailure
   */
  async ask(body: string, stop: AbortSignal): Promise<string> {
    const { timeout } = this.#options;
    const { clock } = this.#host;
    stop.throwIfAborted();
    // By hand: Node 20 loses what `AbortSignal.any` is made of once nobody else holds it, and with it the time limit.
    const given = new AbortController();
    return new Promise<string>((resolve, reject) => {
      const end = (why: unknown): void => {
        clear();
        stop.removeEventListener("abort", stopped);
        reject(why);
        given.abort(why);
      };
      const stopped = (): void => end(stop.reason);
      const clear = clock.setTimeout(() => end(new HookFailure("timeout", `it did not answer within ${timeout} ms`)), timeout);
      stop.addEventListener("abort", stopped);
      this.#tries(body, given.signal, clock.monotonic() + timeout).then((text) => {
        clear();
        stop.removeEventListener("abort", stopped);
        resolve(text);
      }, end);
    });
  }

  /** @param deadline on the monotonic clock */
  async #tries(body: string, signal: AbortSignal, deadline: number): Promise<string> {
    const { clock, random } = this.#host;
    const id = random.uuid(); // the same for every try, so that the hook knows a question that it has had
    for (let tried = 0; ; tried++) {
      try {
        this.#sent();
        return await this.#once(id, body, signal, tried);
      } catch (error) {
        const again = error instanceof Lost && tried < this.#options.retries ? error.again : undefined;
        // What cannot be done in time is not waited for.
        if (again === undefined || signal.aborted || clock.monotonic() + again >= deadline) throw error;
        await clock.sleep(again, signal);
        if (signal.aborted) throw error;
      }
    }
  }

  async #once(id: string, body: string, signal: AbortSignal, tried: number): Promise<string> {
    const { url, headers } = this.#options;
    let response: Response;
    try {
      response = await this.#connections.fetch(url, {
        method: "POST",
        headers: {
          ...headers,
          accept: "application/json",
          "accept-encoding": "identity",
          "content-type": "application/json",
          ...this.#signer.headers(id, this.#host.clock.now(), body),
        },
        body,
        redirect: "manual",
        signal,
      });
    } catch (error) {
      const { name, cause } = error as Error & { cause?: NodeJS.ErrnoException }; // fetch throws these
      const code = cause?.code ?? name;
      throw new Lost("unreachable", `it cannot be reached (${code})`, LOST.has(code) ? PAUSE * 2 ** tried : undefined, error);
    }
    if (response.status === 200) return this.#text(response);
    // Nobody reads what it says, and nobody waits until that is over.
    response.body?.cancel().catch(() => {});
    const { status } = response;
    const again = status === 503 ? retryAfter(Object.fromEntries(response.headers)) : undefined;
    const isRedirect = status >= 300 && status < 400;
    throw new Lost("status", `it answered with HTTP ${status}${isRedirect ? ", and redirects are not followed" : ""}`, again);
  }

  async #text({ body }: Response): Promise<string> {
    const { maxAnswer } = this.#options;
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const chunk of body ?? []) {
        length += chunk.length;
        if (length > maxAnswer) throw new HookFailure("answer_too_large", `its answer has more than ${maxAnswer} bytes`);
        chunks.push(chunk);
      }
    } catch (error) {
      // It may have answered otherwise by half: that is not asked again.
      throw error instanceof HookFailure ? error : new HookFailure("unreachable", "its answer broke off", error);
    }
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
    } catch {
      throw new HookFailure("malformed", "its answer is not UTF-8");
    }
  }

  close(): Promise<void> {
    return this.#connections.close();
  }
}
