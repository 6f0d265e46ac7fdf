import { createHash } from "node:crypto";
import { type Awaitable, type Counter, type HttpFacts, type Principal, refuse } from "mcp-host";
import type { HeldTokens } from "./held-tokens.ts";
import { type ApiKeys, OWNER, PREFIX } from "./keys.ts";
import { Recent } from "./recent.ts";
import { challenge, type ProtectedResource } from "./resource.ts";
import { BadToken, claimedIssuer, type Issuer, type Verified } from "./tokens.ts";

export interface GateOptions {
  readonly keys: ApiKeys | undefined;
  /** By what `iss` says. */
  readonly issuers: ReadonlyMap<string, Issuer>;
  readonly resource: ProtectedResource | undefined;
  /** Who sends no credentials; undefined: nobody may. */
  readonly anonymous: Principal | undefined;
  /** Scopes that every token needs. */
  readonly required: readonly string[];
  /** Counts requests by method (`key`, `jwt`, `none`) and result. */
  readonly requests: Counter;
  /** Told of each key that was accepted, by its id, and the address that it came from. */
  readonly used?: ((id: string, address: string) => void) | undefined;
  /** Told of each token that was accepted. */
  readonly came?: HeldTokens["note"];
}

const MAX_TOKENS = 10_000;
/** A token that was withdrawn, or whose key was, is looked at again after this. */
const TOKEN_TRUST = 300_000;

/** Says who sends an HTTP request, or refuses it. Credentials are taken from the Authorization header and from nowhere else: a query ends up in logs (2025-11-25, basic/authorization). */
export class Gate {
  readonly #options: GateOptions;
  readonly #verified = new Recent<Verified>(MAX_TOKENS);

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Verified tokens that are remembered. */
  get remembered(): number {
    return this.#verified.size;
  }

  /** @throws what {@link refuse} makes, with a challenge */
  identify({ headers, address }: HttpFacts): Awaitable<Principal> {
    const { authorization } = headers;
    if (authorization === undefined && this.#options.anonymous) {
      this.#options.requests.add(1, "none", "ok");
      return this.#options.anonymous;
    }
    if (typeof authorization !== "string") throw this.#unauthorized("none", "missing", "the request is not authenticated");
    const [, token] = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization) ?? [];
    if (token === undefined) throw this.#invalid("none", "malformed", "the Authorization header holds no bearer token");
    // Where nobody's tokens are accepted it was meant as a key, whatever it looks like.
    const { keys, issuers } = this.#options;
    return token.startsWith(PREFIX) || (keys && issuers.size === 0) ? this.#key(token, address) : this.#token(token);
  }

  forget(): void {
    this.#verified.clear();
  }

  #key(key: string, address: string): Principal {
    const found = this.#options.keys?.find(key);
    if (found === "expired") throw this.#invalid("key", "expired", "the API key has expired");
    if (found === undefined) throw this.#invalid("key", "unknown", "the API key is not known here");
    this.#options.requests.add(1, "key", "ok");
    this.#options.used?.(found.id.slice(OWNER.length), address);
    return found;
  }

  #token(token: string): Awaitable<Principal> {
    const digest = createHash("sha256").update(token).digest("base64");
    const known = this.#verified.get(digest);
    return known ? this.#admit(known, token) : this.#verify(token, digest);
  }

  async #verify(token: string, digest: string): Promise<Principal> {
    let verified: Verified;
    try {
      const issuer = this.#options.issuers.get(claimedIssuer(token));
      if (!issuer) throw new BadToken("the token's issuer is not accepted here");
      verified = await issuer.verify(token);
    } catch (error) {
      if (!(error instanceof BadToken)) throw error;
      if (error.isInvalid) throw this.#invalid("jwt", "invalid", error.message);
      throw this.#unauthorized("jwt", "unverifiable", error.message);
    }
    this.#verified.set(digest, verified, Math.min(verified.expires, Date.now() + TOKEN_TRUST));
    return this.#admit(verified, token);
  }

  #admit({ principal, scopes, issuer, expires }: Verified, token: string): Principal {
    const { required, requests, came } = this.#options;
    const missing = required.filter((scope) => !scopes.has(scope));
    if (missing.length > 0) {
      requests.add(1, "jwt", "insufficient_scope");
      const message = `the token lacks the scope ${missing.join(", ")}`;
      throw refuse("insufficient_scope", message, { headers: this.#challenge([["error", "insufficient_scope"]]) });
    }
    requests.add(1, "jwt", "ok");
    came?.(principal, token, issuer, expires);
    return principal;
  }

  /** Credentials that were sent and are no good. */
  #invalid(method: string, result: string, message: string): Error {
    return this.#unauthorized(method, result, message, [
      ["error", "invalid_token"],
      ["error_description", message],
    ]);
  }

  #unauthorized(method: string, result: string, message: string, error: readonly [string, string][] = []): Error {
    this.#options.requests.add(1, method, result);
    return refuse("unauthorized", message, { headers: this.#challenge(error) });
  }

  #challenge(error: readonly [string, string][]): Record<string, string> {
    const { resource, required } = this.#options;
    const scope: [string, string][] = required.length > 0 ? [["scope", required.join(" ")]] : [];
    return challenge([...error, ...scope, ...(resource?.parameters ?? [])]);
  }
}
