import { isLoopback, proxiedFetch } from "mcp-host";
import { SignInProblem } from "./problem.ts";

/** What is never needed is never read. */
const MAX_BYTES = 1024 * 1024;
const REDIRECTS = 3;

/** Whether secrets may travel to and from there: encrypted, or within this machine. */
export function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  if (username !== "" || password !== "") return false;
  return protocol === "https:" || (protocol === "http:" && isHere(text));
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, "");
}

function isHere(url: string): boolean {
  return isLoopback(hostOf(url));
}

/** Addresses of private and link-local networks, written as such: what a public server has no business to send a host to. */
const PRIVATE = /^(10\.|127\.|0\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1?$|f[cd][\da-f]{2}:|fe[89ab][\da-f]:)/i;

/**
 * The requests to authorization servers and for metadata: 1 MiB, one time limit, no redirect to another origin, https but on this
 * machine, and from a public server to none that is written as a private address.
 */
export class Egress {
  readonly #timeout: number;
  readonly #signal: AbortSignal;
  readonly #counted: (origin: string, ok: boolean) => void;

  /** @param timeout milliseconds @param counted told of every request */
  constructor(timeout: number, signal: AbortSignal, counted: (origin: string, ok: boolean) => void = () => {}) {
    this.#timeout = timeout;
    this.#signal = signal;
    this.#counted = counted;
  }

  /** @param server the MCP server for whose sake it is @throws SignInProblem */
  check(url: string, server: string): void {
    if (!isSafeUrl(url)) throw new SignInProblem("insecure", `${shown(url)} is no https:// URL, so nothing is sent there`);
    const host = hostOf(url);
    if ((PRIVATE.test(host) || isHere(url)) && !PRIVATE.test(hostOf(server)) && !isHere(server))
      throw new SignInProblem("insecure", `${shown(url)} is an address of a private network, which a public server may not name`);
  }

  /** `fetch` for one server's sake, as oauth4webapi takes it: the whole answer is there, or it rejects with a SignInProblem. */
  for(server: string): (url: string, init?: object) => Promise<Response> {
    return (url, init = {}) => this.#fetch(url, init, server);
  }

  async #fetch(url: string, init: RequestInit, server: string): Promise<Response> {
    // Node 20 loses what `AbortSignal.any` is made of once nobody else holds it, and with it the time limit.
    const over = new AbortController();
    const end = (): void => over.abort();
    const late = setTimeout(end, this.#timeout);
    this.#signal.addEventListener("abort", end, { once: true });
    if (this.#signal.aborted) end();
    try {
      return await this.#asked(url, init, server, over.signal);
    } finally {
      clearTimeout(late);
      this.#signal.removeEventListener("abort", end);
    }
  }

  async #asked(url: string, init: RequestInit, server: string, signal: AbortSignal): Promise<Response> {
    let target = url;
    for (let redirects = 0; ; redirects++) {
      this.check(target, server);
      let response: Response;
      let body: Uint8Array<ArrayBuffer>;
      try {
        response = await proxiedFetch(target, { ...init, redirect: "manual", signal });
        body = await bytesOf(response, target);
      } catch (cause) {
        this.#counted(new URL(target).origin, false);
        if (cause instanceof SignInProblem) throw cause;
        throw new SignInProblem(
          "unreachable",
          `${shown(target)} ${signal.aborted ? `did not answer within ${this.#timeout} ms` : "cannot be reached"}`,
          { cause },
        );
      }
      this.#counted(new URL(target).origin, response.status < 500);
      const next = response.headers.get("location");
      const follows = init.redirect !== "manual" && (init.method ?? "GET") === "GET";
      if (response.status >= 300 && response.status < 400 && next !== null && follows) {
        if (redirects >= REDIRECTS || !URL.canParse(next, target) || new URL(next, target).origin !== new URL(target).origin)
          throw new SignInProblem("invalid-answer", `${shown(target)} redirects to another origin, or too often`);
        target = new URL(next, target).href;
        continue;
      }
      const isEmpty = response.status === 204 || response.status === 304 || response.status < 200;
      return new Response(isEmpty ? null : body, { status: response.status, headers: response.headers });
    }
  }
}

/** @throws SignInProblem for one that is too large */
async function bytesOf(response: Response, url: string): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new SignInProblem("invalid-answer", `${shown(url)} answers with more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** A URL as people are told of it: without its query, which may hold anything. */
export function shown(url: string): string {
  if (!URL.canParse(url)) return "what a server names";
  const { origin, pathname } = new URL(url);
  return `${origin === "null" ? new URL(url).protocol : origin}${pathname}`.slice(0, 200);
}
