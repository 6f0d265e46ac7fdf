import { createHash } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from "jose";
import type { Principal } from "mcp-host";
import { pick, scopesOf, textsAt } from "./claims.ts";
import { KeySet, KeysUnavailable } from "./key-set.ts";
import type { IssuerOptions } from "./options.ts";

/** What a good token says. */
export interface Verified {
  readonly principal: Principal;
  /** Those that others include, too. */
  readonly scopes: ReadonlySet<string>;
  /** As `iss` says. */
  readonly issuer: string;
  /** In milliseconds since 1970, without leeway. */
  readonly expires: number;
}

/** Why a token is no good, in words for its owner. */
export class BadToken extends Error {
  /** Whether a new token would help: otherwise the keys could not be had. */
  readonly isInvalid: boolean;
  constructor(message: string, isInvalid = true) {
    super(message);
    this.isInvalid = isInvalid;
  }
}

export interface IssuerContext {
  /** The URL of the resource, where one is configured: the audience of issuers that name none. */
  readonly resource: string | undefined;
  /** The claims that a session keeps, and is bound to. */
  readonly claims: readonly string[];
  readonly implies: Readonly<Record<string, readonly string[]>>;
  readonly fetched: (issuer: string, error: Error | undefined) => void;
}

/** What the roles begin with that scopes are to rules. */
const SCOPE = "scope:";
const MAX_ROLES = 200;
const MAX_SUBJECT = 256;
/** Keys that are tried for a token that names none: each costs a verification, and anybody may send such tokens. */
const MAX_TRIES = 10;

/** Verifies the tokens of one issuer. */
export class Issuer {
  readonly name: string;
  readonly keys: KeySet;
  readonly #options: IssuerOptions;
  readonly #context: IssuerContext;
  readonly #audience: string[];

  constructor(options: IssuerOptions, context: IssuerContext) {
    const { name, jwksUri: url, timeout, maxAge, maxStale, cooldown, audience = context.resource ?? [] } = options;
    this.name = name;
    this.#options = options;
    this.#context = context;
    this.#audience = typeof audience === "string" ? [audience] : [...audience];
    this.keys = new KeySet({ url, timeout, maxAge, maxStale, cooldown, fetched: (error) => context.fetched(name, error) });
  }

  /** @throws BadToken */
  async verify(token: string): Promise<Verified> {
    const { issuer, algorithms, leeway, type, subject } = this.#options;
    const options: JWTVerifyOptions = {
      issuer,
      audience: this.#audience,
      algorithms,
      clockTolerance: leeway / 1000,
      requiredClaims: ["iss", "aud", "exp", subject],
      ...(type !== undefined && { typ: type }),
    };
    let claims: JWTPayload;
    try {
      claims = await this.#payload(token, options).catch(async (error: unknown) => {
        // Where the token names no key, a new one of the issuer's looks like a wrong signature.
        const isUnnamed = error instanceof errors.JWSSignatureVerificationFailed && decodeProtectedHeader(token).kid === undefined;
        if (!isUnnamed || !(await this.keys.refresh())) throw error;
        return this.#payload(token, options);
      });
    } catch (error) {
      throw reasonOf(error);
    }
    return this.#read(claims);
  }

  /** The payload of a token that one of the keys has signed which its header fits. @throws an error of jose's, or KeysUnavailable */
  async #payload(token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
    try {
      return (await jwtVerify(token, this.keys.get, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      let tries = 0;
      for await (const key of error) {
        if (++tries > MAX_TRIES) break;
        try {
          return (await jwtVerify(token, key, options)).payload;
        } catch (wrong) {
          if (!(wrong instanceof errors.JWSSignatureVerificationFailed)) throw wrong;
        }
      }
      throw new errors.JWSSignatureVerificationFailed();
    }
  }

  #read(claims: JWTPayload): Verified {
    const { subject, rolesClaim, roles } = this.#options;
    const id = claims[subject];
    if (typeof id !== "string" || id === "" || id.length > MAX_SUBJECT) throw new BadToken(`the token's "${subject}" is no usable id`);
    const scopes = withImplied(scopesOf(claims), this.#context.implies);
    // Whoever may name roles at the issuer grants no scopes.
    const claimed = textsAt(claims, rolesClaim).filter((role) => !role.startsWith(SCOPE));
    const all = new Set([...roles, ...claimed, ...[...scopes].map((scope) => `${SCOPE}${scope}`)]);
    if (all.size > MAX_ROLES) throw new BadToken(`the token has more than ${MAX_ROLES} roles and scopes`);
    const kept = pick(claims, this.#context.claims);
    const bound = [claims.iss, claims.client_id ?? claims.azp ?? null, [...scopes].sort(), kept];
    const principal: Principal = Object.freeze({
      id: `${this.name}:${id}`,
      roles: Object.freeze([...all]),
      claims: kept,
      binding: createHash("sha256").update(JSON.stringify(bound)).digest("base64url"),
    });
    return { principal, scopes, issuer: this.#options.issuer, expires: (claims.exp as number) * 1000 }; // exp is required, and jose has checked that it is a number
  }
}

/** The issuer that a token names, unverified: it only chooses whose keys are asked. @throws BadToken */
export function claimedIssuer(token: string): string {
  try {
    const { iss } = decodeJwt(token);
    if (typeof iss === "string") return iss;
  } catch {
    // Told below.
  }
  throw new BadToken("the token is no JWT that names its issuer");
}

function withImplied(scopes: readonly string[], implies: IssuerContext["implies"]): ReadonlySet<string> {
  const all = new Set(scopes);
  // A set gives what is added meanwhile, too.
  for (const scope of all) if (Object.hasOwn(implies, scope)) for (const implied of implies[scope] ?? []) all.add(implied);
  return all;
}

/** jose's errors in words that hold nothing of the token. */
function reasonOf(error: unknown): BadToken {
  if (error instanceof KeysUnavailable) return new BadToken("the token cannot be verified now: the issuer's keys cannot be had", false);
  if (error instanceof errors.JWTExpired) return new BadToken("the token has expired");
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === "nbf" && error.reason === "check_failed") return new BadToken("the token is not valid yet");
    if (error.reason === "missing") return new BadToken(`the token has no "${error.claim}"`);
    return new BadToken(`the token's "${error.claim}" is not accepted here`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return new BadToken("the token's signature algorithm is not accepted here");
  if (error instanceof errors.JWKSNoMatchingKey) return new BadToken("the token was signed with a key that its issuer does not publish");
  return new BadToken("the token is not valid");
}
