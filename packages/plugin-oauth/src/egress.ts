import { lookup } from "node:dns/promises";
import { isSafeUrl, proxiedFetch } from "mcp-host";
import { isPrivate } from "./private-address.ts";
import { SignInProblem } from "./problem.ts";

/** What is never needed is never read. */
const MAX_BYTES = 1024 * 1024;
const REDIRECTS = 3;
/** Milliseconds for which it is known where a server's name leads. */
const KNOWN = 300_000;

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, "");
}

/**
 * The requests to authorization servers and for metadata: 1 MiB, one time limit, no redirect to another origin, https but on this
 * machine, and for a public server's sake to none that is on a private network, by its address or by what its name resolves to.
 */
export class Egress {
  readonly #timeout: number;
  readonly #signal: AbortSignal;
  readonly #counted: (origin: string, ok: boolean) => void;
  readonly #named: ReadonlyMap<string, string>;
  /** Whether the server of a host name is on a private network itself. */
  readonly #private = new Map<string, { readonly at: number; readonly known: Promise<boolean> }>();

  /**
   * @param timeout milliseconds @param counted told of every request
   * @param named the authorization servers that the config itself names, by the URL of the MCP server: it may well be on a private network
   */
  constructor(
    timeout: number,
    signal: AbortSignal,
    counted: (origin: string, ok: boolean) => void = () => {},
    named: ReadonlyMap<string, string> = new Map(),
  ) {
    this.#named = named;
    this.#timeout = timeout;
    this.#signal = signal;
    this.#counted = counted;
  }

  /** @param server the MCP server for whose sake it is @throws SignInProblem */
  check(url: string, server: string): void {
    if (!isSafeUrl(url)) throw new SignInProblem("insecure", `${shown(url)} is no https:// URL, so nothing is sent there`);
    if (isPrivate(hostOf(url)) && !this.#mayBePrivate(url, server)) throw hidden(url);
  }

  /** Whether it is known, without asking anybody, that an address of a private network is in order. */
  #mayBePrivate(url: string, server: string): boolean {
    const named = this.#named.get(server);
    return isPrivate(hostOf(server)) || (named !== undefined && new URL(named).origin === new URL(url).origin);
  }

  /** Whether a server is on a private network by what its name resolves to; one whose name nobody knows is public. */
  #isPrivate(server: string): Promise<boolean> {
    const host = hostOf(server);
    const kept = this.#private.get(host);
    if (kept && performance.now() - kept.at < KNOWN) return kept.known;
    const known = lookup(host, { all: true }).then(
      (addresses) => addresses.some(({ address }) => isPrivate(address)),
      () => false,
    );
    this.#private.set(host, { at: performance.now(), known });
    return known;
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
      // What a name resolves to is looked at when it is connected to, so that it cannot be another thing then.
      let isHidden = false;
      const isOpen = this.#mayBePrivate(target, server) || (await Promise.race([this.#isPrivate(server), aborted(signal)]));
      const mayReach = (address: string): boolean => !(isHidden ||= isPrivate(address));
      let response: Response;
      let body: Uint8Array<ArrayBuffer>;
      try {
        response = await proxiedFetch(target, { ...init, redirect: "manual", signal }, isOpen ? {} : { mayReach });
        body = await bytesOf(response, target);
      } catch (cause) {
        this.#counted(new URL(target).origin, false);
        if (cause instanceof SignInProblem) throw cause;
        if (isHidden) throw hidden(target);
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

/** `false` once it is: then nothing is asked any more. */
function aborted(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(false), { once: true }));
}

function hidden(url: string): SignInProblem {
  return new SignInProblem(
    "insecure",
    `${shown(url)} is on a private network, where a public server may not send the host; if it is the right one, name it as \`issuer\` of the server's options`,
  );
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
