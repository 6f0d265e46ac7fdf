import { createHash } from "node:crypto";
import {
  BoundedMap,
  type CallerToken,
  type CallerTokens,
  type Credentials,
  type CredentialsRequest,
  type Handler,
  type Logger,
  type Principal,
  refuse,
} from "mcp-host";
import { methodOf } from "./clients.ts";
import { discover, type Found } from "./discovery.ts";
import type { Egress } from "./egress.ts";
import { FRESH } from "./grants.ts";
import { problemOf, SignInProblem } from "./problem.ts";
import { Secrets } from "./secrets.ts";
import { ownerOf, type Target } from "./servers.ts";
import { scopeOf } from "./sign-in.ts";
import type { Standing, Standings } from "./standing.ts";
import type { Tokens } from "./tokens.ts";

/** Principals, by server, whose tokens are kept; the oldest leave first. */
const KEPT = 10_000;
/** Milliseconds for which it is known what an authorization server's metadata says. */
const DAY = 86_400_000;
/** Longest before its end that a token is exchanged anew; shorter lives have a tenth of theirs. */
const MARGIN = 30_000;
/** Milliseconds after which one that failed for a passing reason is tried again. */
const PAUSE = 10_000;
/** Codes that say that it is the host's config that is not taken, and not the caller's token (RFC 6749 section 5.2, RFC 8707). */
const OURS = new Set<string | undefined>([
  "invalid_client",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  "invalid_target",
]);

export interface OnBehalfOptions {
  readonly egress: Egress;
  readonly tokens: Tokens;
  readonly standings: Standings;
  readonly now: () => number;
  /** @throws where no plugin checks tokens of callers */
  readonly callers: () => CallerTokens;
  readonly log: Logger;
}

/** What one caller's token was exchanged for. */
interface Exchanged {
  readonly accessToken: string;
  readonly at: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** Why there is nothing, for which token of the caller's, and until when it is not tried with that one again. */
interface Failed {
  readonly subject: string;
  readonly until: number;
  readonly problem: SignInProblem;
}

/**
 * Tokens for callers, made of the tokens that they came with (RFC 8693), for which nobody signs in. Each is one principal's at one server;
 * what a caller came with goes to the authorization server that the config names, and nowhere else.
 */
export class OnBehalf {
  readonly #options: OnBehalfOptions;
  readonly #kept = new BoundedMap<string, Exchanged>(KEPT);
  readonly #failed = new BoundedMap<string, Failed>(KEPT);
  readonly #asking = new Map<string, Promise<Exchanged>>();
  readonly #servers = new Map<string, { readonly at: number; readonly found: Promise<Found> }>();
  readonly #secrets = new Secrets(1_000);

  constructor(options: OnBehalfOptions) {
    this.#options = options;
  }

  /** A tap of `call` for one server: who has no token that could be exchanged is told so, and nothing is sent. */
  around(next: Handler, target: Target): Handler {
    return (exchange) => {
      const { principal } = exchange;
      const kept = this.#kept.get(keyOf(target, principal));
      if ((kept && this.#options.now() < kept.expires) || this.#options.callers().of(principal)) return next(exchange);
      return Promise.reject(this.#without(target, principal));
    };
  }

  /** A tap of `credentials` for one server. @throws what {@link refuse} makes, in words that say what is to be done */
  async give(given: Credentials, target: Target, request: CredentialsRequest): Promise<Credentials> {
    const { key } = target;
    const { principal, reason, last } = request;
    if (reason === "insufficient")
      throw refuse(
        "upstream_auth",
        `upstream "${key}" wants more scope for this than the exchanged token has; see \`scopes\` of its options`,
        {
          upstream: key,
        },
      );
    if (principal === undefined) throw this.#none(target, "nobody has called");
    const { callers, standings } = this.#options;
    const at = keyOf(target, principal);
    const now = this.#options.now();
    const kept = this.#kept.get(at);
    // What is open to everybody is open to who has no token, too, until the server says otherwise.
    if (reason === "connect" && !kept && !callers().of(principal) && !standings.of(ownerOf(target, principal))) return given;
    if (reason === "refused" && kept && last?.headers.authorization === bearer(kept)) {
      this.#kept.delete(at);
      // Another one would be the same.
      if (now - kept.at < FRESH) {
        const why =
          "the server refuses a token that was exchanged just now: it may expect another audience; see `resource` and `extraParams`";
        this.#fail(at, callers().of(principal), new SignInProblem("refused", why, { code: "invalid_target" }));
      }
    } else if (kept && now < renewAt(kept)) return this.#with(given, target, principal, kept, renewAt(kept));
    try {
      const fresh = await this.#exchanged(target, principal);
      return this.#with(given, target, principal, fresh, renewAt(fresh));
    } catch (error) {
      const alive = this.#kept.get(at);
      if (alive && now < alive.expires) return this.#with(given, target, principal, alive, alive.expires);
      throw error;
    }
  }

  #with(given: Credentials, target: Target, principal: Principal, kept: Exchanged, expires: number): Credentials {
    this.#options.standings.clear(ownerOf(target, principal));
    return { ...given, headers: { ...given.headers, authorization: bearer(kept) }, expires };
  }

  /** One exchange for all who wait. */
  #exchanged(target: Target, principal: Principal): Promise<Exchanged> {
    const at = keyOf(target, principal);
    let asking = this.#asking.get(at);
    if (!asking) {
      asking = this.#exchange(target, principal, at).finally(() => this.#asking.delete(at));
      this.#asking.set(at, asking);
    }
    return asking;
  }

  async #exchange(target: Target, principal: Principal, at: string): Promise<Exchanged> {
    const { callers, now } = this.#options;
    const came = callers().of(principal);
    if (!came) throw this.#without(target, principal);
    const before = this.#failed.get(at);
    if (before?.subject === digest(came) && now() < before.until) throw this.#refusal(target, before.problem, principal);
    try {
      const exchanged = await this.#ask(target, came);
      this.#failed.delete(at);
      this.#kept.set(at, exchanged);
      return exchanged;
    } catch (error) {
      const problem = problemOf(error);
      this.#fail(at, came, problem);
      throw this.#refusal(target, problem, principal);
    }
  }

  async #ask(target: Target, came: CallerToken): Promise<Exchanged> {
    const { tokens, now } = this.#options;
    const { url, options } = target;
    const found = await this.#serverOf(target);
    const { as, resource } = found;
    const scope = scopeOf(found, { options, challenge: undefined, stepUp: undefined });
    const client = { issuer: as.issuer, source: "configured" as const, id: options.clientId ?? "", method: methodOf(as, options) };
    const first = { server: url, client, ...(resource !== undefined && { resource }), ...(scope !== undefined && { scopeAsked: scope }) };
    this.#secrets.keep(came.value);
    const { access_token: accessToken, expires_in: seconds } = await tokens.byExchange(as, first, came.value, options);
    this.#secrets.keep(accessToken);
    const at = now();
    // One whose life nobody tells lives as long as what it was made of.
    const expires = typeof seconds === "number" && seconds > 0 ? at + seconds * 1_000 : came.expires;
    return { accessToken, at, expires };
  }

  #serverOf({ key, url, options }: Target): Promise<Found> {
    const { now, egress } = this.#options;
    const known = this.#servers.get(key);
    if (known && now() - known.at < DAY) return known.found;
    const found = discover({ url, options, challenge: undefined }, egress);
    this.#servers.set(key, { at: now(), found });
    found.catch(() => this.#servers.delete(key)); // whoever asked is told
    return found;
  }

  #fail(at: string, came: CallerToken | undefined, problem: SignInProblem): void {
    if (!came) return;
    const pause = problem.isPassing ? (problem.retryAfter ?? PAUSE) : FRESH;
    this.#failed.set(at, { subject: digest(came), until: this.#options.now() + pause, problem });
  }

  /** What a caller is told: what is wrong with the config is for the operator to read. */
  #refusal(target: Target, problem: SignInProblem, principal: Principal): Error {
    const { key } = target;
    const { code, isPassing, kind, message, retryAfter } = problem;
    const isTheirs = kind === "refused" && !OURS.has(code);
    if (isTheirs)
      return this.#none(target, `its authorization server does not take the caller's token (${code}); call with a new one`, principal);
    this.#tell(target, principal, isPassing ? "degraded" : "stopped", message);
    if (isPassing)
      return refuse("upstream_down", `upstream "${key}" is not available: its authorization server exchanges no token now`, {
        upstream: key,
        ...(retryAfter !== undefined && { retryAfterMs: retryAfter }),
      });
    return refuse(
      "upstream_auth",
      `upstream "${key}" cannot be used: its authorization server exchanges no token for the host; the log says why`,
      {
        upstream: key,
      },
    );
  }

  #without(target: Target, principal: Principal): Error {
    const why = `"${principal.id}" came without a token, or with one that has expired; call with a token in the place of an API key, and with a new one in the place of an old one`;
    return this.#none(target, why, principal);
  }

  /** Nothing was sent, and a token of the caller's would help. */
  #none(target: Target, why: string, principal?: Principal): Error {
    if (principal) this.#tell(target, principal, "needs sign-in", why);
    return refuse(
      "sign_in_required",
      `upstream "${target.key}" is used with each caller's own token, exchanged for one of the server's: ${why}`,
      {
        upstream: target.key,
      },
    );
  }

  #tell(target: Target, principal: Principal, state: Standing["state"], why: string): void {
    const { standings, now, log } = this.#options;
    const owner = ownerOf(target, principal);
    // Whose token is none, that one is told, and can do something about it.
    if (standings.of(owner)?.why !== why)
      log[state === "needs sign-in" ? "debug" : "warn"]("a caller's token could not be exchanged", { upstream: target.key, reason: why });
    standings.set(owner, { state, why, challenge: undefined, stepUp: undefined, at: now() });
  }

  close(): void {
    this.#kept.clear();
    this.#failed.clear();
    this.#secrets.clear();
  }
}

/** Principals with another binding are others: who issued their tokens, to which client, how far they reach. */
function keyOf({ key }: Target, { id, binding }: Principal): string {
  return JSON.stringify([key, id, binding]);
}

function digest({ value }: CallerToken): string {
  return createHash("sha256").update(value).digest("base64");
}

function bearer({ accessToken }: Exchanged): string {
  return `Bearer ${accessToken}`;
}

function renewAt({ at, expires }: Exchanged): number {
  return expires - Math.min(MARGIN, (expires - at) / 10);
}
