import { KeptConnections, type PluginHost, retryAfter, WebhookSigner } from "mcp-host";
import type { ReceiverOptions } from "./options.ts";
import { plain } from "./words.ts";

/** What may be waited for where a receiver says so. */
const LONGEST = 3_600_000;

/** Why a message was not taken. */
export type FailureReason = "unreachable" | "timeout" | "status";

export class SendFailure extends Error {
  readonly reason: FailureReason;
  /** Milliseconds after which it says to come back. */
  readonly retryAfter: number | undefined;
  /** It was understood and turned down: the same will be, until somebody corrects something. */
  readonly isRefused: boolean;

  /** It may have been taken all the same. */
  readonly isUncertain: boolean;

  constructor(
    reason: FailureReason,
    message: string,
    { retryAfter, isRefused = false, isUncertain = false }: { retryAfter?: number; isRefused?: boolean; isUncertain?: boolean } = {},
  ) {
    super(message);
    this.reason = reason;
    this.retryAfter = retryAfter;
    this.isRefused = isRefused;
    this.isUncertain = isUncertain;
  }
}

/** Statuses of 4xx that say nothing of the message. */
const PASSING = new Set([408, 425, 429]);

/** Nobody was there who could have taken it. */
const NEVER_THERE = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

/** Posts messages to one receiver, one try at a time. Errors hold no address: in that of Slack is a secret. */
export class Sender {
  readonly #options: Pick<ReceiverOptions, "url" | "headers" | "timeout">;
  readonly #clock: PluginHost["clock"];
  readonly #signer: WebhookSigner;
  readonly #connections: KeptConnections;

  constructor(options: Pick<ReceiverOptions, "url" | "headers" | "secret" | "timeout">, { clock }: Pick<PluginHost, "clock">) {
    this.#options = options;
    this.#clock = clock;
    this.#signer = new WebhookSigner([options.secret ?? []].flat());
    this.#connections = new KeptConnections(options.url, { connections: 2 });
  }

  /** @param id the same for each try @param stop ends it @throws SendFailure unless it was taken */
  async send(id: string, body: string, stop: AbortSignal): Promise<void> {
    const { url, headers, timeout } = this.#options;
    // By hand: Node 20 loses what `AbortSignal.any` is made of once nobody else holds it, and with it the time limit.
    const given = new AbortController();
    let isLate = false;
    const end = (): void => given.abort();
    const clear = this.#clock.setTimeout(() => {
      isLate = true;
      end();
    }, timeout);
    stop.addEventListener("abort", end);
    if (stop.aborted) end();
    let response: Response;
    try {
      response = await this.#connections.fetch(url, {
        method: "POST",
        headers: {
          ...headers,
          accept: "*/*",
          "accept-encoding": "identity",
          "content-type": "application/json",
          ...this.#signer.headers(id, this.#clock.now(), body),
        },
        body,
        redirect: "manual",
        signal: given.signal,
      });
    } catch (error) {
      if (isLate) throw new SendFailure("timeout", `it did not answer within ${timeout} ms`, { isUncertain: true });
      const { name, cause } = error as Error & { cause?: NodeJS.ErrnoException }; // fetch throws these
      // What has no code, such as a proxy that refuses, never came to the receiver.
      const code = cause?.code;
      const why = code ?? plain(cause?.message ?? name, 100);
      throw new SendFailure("unreachable", `it cannot be reached (${why})`, { isUncertain: code !== undefined && !NEVER_THERE.has(code) });
    } finally {
      clear();
      stop.removeEventListener("abort", end);
    }
    // Nobody reads what it says, and nobody waits until that is over.
    response.body?.cancel().catch(() => {});
    const { status, ok } = response;
    if (ok) return;
    const isRedirect = status >= 300 && status < 400;
    const again = retryAfter(Object.fromEntries(response.headers));
    throw new SendFailure("status", `it answered with HTTP ${status}${isRedirect ? ", and redirects are not followed" : ""}`, {
      ...(again !== undefined && { retryAfter: Math.min(again, LONGEST) }),
      isUncertain: status >= 500,
      isRefused: isRedirect || (status >= 400 && status < 500 && !PASSING.has(status)),
    });
  }

  close(): Promise<void> {
    return this.#connections.close();
  }
}
