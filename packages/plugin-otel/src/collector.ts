import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { KeptConnections, retryAfter } from "mcp-host";

const zipped = promisify(gzip);

/** Bytes of an answer that are read: it says how much was rejected, and why. */
const LONGEST_ANSWER = 65_536;
/** Of gzip's: the least time for it, and most of what it saves. */
const LEVEL = 1;
/** Connections that are kept: the signals seldom speak at once. */
const CONNECTIONS = 2;

/** What came of one request. */
export type Delivery =
  | { readonly did: "taken"; readonly answer: Uint8Array }
  /** Perhaps later, after so many milliseconds where the collector says so. */
  | { readonly did: "failed"; readonly why: string; readonly after: number | undefined }
  /** It never will. */
  | { readonly did: "refused"; readonly why: string };

export interface CollectorOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly compression: "gzip" | "none";
  /** Milliseconds for one request. */
  readonly timeout: number;
}

/** Statuses after which OTLP has a request sent again. */
const AGAIN = new Set([429, 502, 503, 504]);

/** Where one signal is sent. */
export class Collector {
  readonly url: string;
  readonly #options: CollectorOptions;
  readonly #connections: KeptConnections;

  constructor(url: string, options: CollectorOptions) {
    this.url = url;
    this.#options = options;
    this.#connections = new KeptConnections(url, { connections: CONNECTIONS });
  }

  /** Sends one message. Never rejects. @param stop aborted where nobody waits any more */
  async deliver(message: Uint8Array, stop: AbortSignal): Promise<Delivery> {
    const { headers, compression, timeout } = this.#options;
    if (stop.aborted) return { did: "failed", why: "there was no time left", after: undefined };
    // By hand: Node 20 loses what `AbortSignal.any` is made of once nobody else holds it.
    const given = new AbortController();
    const end = (): void => given.abort(stop.reason);
    stop.addEventListener("abort", end, { once: true });
    const timer = setTimeout(() => given.abort(new Error(`it did not answer within ${timeout} ms`)), timeout).unref();
    try {
      const body = compression === "gzip" ? await zipped(message, { level: LEVEL }) : message;
      const response = await this.#connections.fetch(this.url, {
        method: "POST",
        headers: {
          ...headers,
          "content-type": "application/x-protobuf",
          ...(compression === "gzip" && { "content-encoding": "gzip" }),
          accept: "application/x-protobuf",
        },
        body: body as Uint8Array<ArrayBuffer>, // neither shares its memory
        redirect: "manual",
        signal: given.signal,
      });
      const { status } = response;
      if (status >= 200 && status < 300) return { did: "taken", answer: await answerOf(response) };
      response.body?.cancel().catch(() => {});
      const why = `it answered with HTTP ${status}${status >= 300 && status < 400 ? ", and redirects are not followed" : ""}`;
      return AGAIN.has(status) ? { did: "failed", why, after: retryAfter(Object.fromEntries(response.headers)) } : { did: "refused", why };
    } catch (error) {
      return { did: "failed", why: whyOf(error, given.signal), after: undefined };
    } finally {
      clearTimeout(timer);
      stop.removeEventListener("abort", end);
    }
  }

  close(): Promise<void> {
    return this.#connections.close();
  }
}

async function answerOf({ body }: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > LONGEST_ANSWER) break; // it was taken all the same
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function whyOf(error: unknown, { aborted, reason }: AbortSignal): string {
  if (aborted) return reason instanceof Error ? reason.message : "there was no time left";
  const { name, cause } = error as Error & { cause?: NodeJS.ErrnoException }; // fetch throws these
  return `it cannot be reached (${cause?.code ?? cause?.name ?? name})`;
}
