import {
  ConfigError,
  type Counter,
  type Credentials,
  type CredentialsRequest,
  type Logger,
  type Principal,
  refuse,
  registerSecret,
  type UpstreamFacts,
} from "mcp-host";
import { claimAt } from "./claims.ts";
import { TokenSource } from "./client-credentials.ts";
import type { Credential } from "./options.ts";
import { Secrets } from "./secrets.ts";

/** Whether each principal gets credentials of its own. */
export function isPersonal({ from }: Credential): boolean {
  return from === "principal" || from === "claim";
}

/** Which credentials their upstreams cannot be given. That there are such upstreams is for the host to say. */
export function credentialProblems(credentials: Readonly<Record<string, Credential>>, upstreams: readonly UpstreamFacts[]): string[] {
  return Object.entries(credentials).flatMap(([key, credential]) => {
    const place = `options.credentials["${key}"]`;
    const upstream = upstreams.find((one) => one.key === key);
    if (!upstream) return [];
    if (upstream.wire === "transport") return [`${place}: "${key}" is an in-process transport, which takes no credentials`];
    if (upstream.wire !== "stdio") return [];
    if (credential.from === "client-credentials")
      return [`${place}: a stdio server cannot be given new tokens while it runs; use "static", "principal" or "claim" with "env"`];
    return credential.env === undefined ? [`${place}.env: "${key}" is a stdio server: name the variable that takes its credentials`] : [];
  });
}

/** Values of claims that logs are kept clean of. */
const KEPT = 1_000;

interface Source {
  readonly credential: Credential;
  readonly tokens: TokenSource | undefined;
}

/**
 * Credentials for upstreams. There is no way from a client's own token to here (2025-11-25, basic/authorization: a server
 * must not pass it on), and none from one principal's to another's.
 */
export class Outbound {
  readonly #sources: ReadonlyMap<string, Source>;
  readonly #secrets = new Secrets(KEPT);

  /** @throws ConfigError for credentials that fit no upstream */
  constructor(
    credentials: Readonly<Record<string, Credential>>,
    context: { upstreams: readonly UpstreamFacts[]; log: Logger; tokens: Counter },
  ) {
    const problems = credentialProblems(credentials, context.upstreams);
    if (problems.length > 0) throw new ConfigError(problems.map((problem) => `plugin "auth": ${problem}`));
    this.#sources = new Map(
      Object.entries(credentials).map(([key, credential]) => {
        for (const secret of secretsOf(credential)) registerSecret(secret);
        const fetched = (error: Error | undefined): void => {
          context.tokens.add(1, key, error ? "error" : "ok");
          if (error) context.log.warn("no token for an upstream", { upstream: key, reason: error.message });
        };
        return [key, { credential, tokens: credential.from === "client-credentials" ? new TokenSource(credential, fetched) : undefined }];
      }),
    );
  }

  get size(): number {
    return this.#sources.size;
  }

  /** A tap of `credentials`. @throws what {@link refuse} makes where there are none: nothing stands in for them */
  async give(given: Credentials, { upstream, principal, reason }: CredentialsRequest): Promise<Credentials> {
    const source = this.#sources.get(upstream.key);
    if (!source) return given;
    const { credential, tokens } = source;
    const name = credential.header;
    if (tokens) {
      const { value, expires } = await this.#token(upstream.key, tokens, reason);
      return { ...given, headers: { ...given.headers, [name]: written(credential, value) }, ...(expires !== undefined && { expires }) };
    }
    const value = valueFor(principal, credential);
    if (value === undefined)
      throw refuse("upstream_auth", `there are no credentials of yours for upstream "${upstream.key}"`, { upstream: upstream.key });
    if (credential.from === "claim") this.#secrets.keep(value);
    if (upstream.wire !== "stdio") return { ...given, headers: { ...given.headers, [name]: written(credential, value) } };
    const { env } = credential as { env?: string }; // a stdio upstream was checked to have it
    return env === undefined ? given : { ...given, env: { ...given.env, [env]: value } };
  }

  /** Forgets tokens and values of claims. */
  close(): void {
    this.#secrets.clear();
    for (const { tokens } of this.#sources.values()) tokens?.forget();
  }

  async #token(upstream: string, tokens: TokenSource, reason: CredentialsRequest["reason"]): ReturnType<TokenSource["get"]> {
    try {
      return await tokens.get(reason === "refused");
    } catch {
      throw refuse("upstream_down", `upstream "${upstream}" is not available: the host could not get a token for it`, { upstream });
    }
  }
}

function secretsOf(credential: Credential): string[] {
  if (credential.from === "static") return [credential.value];
  if (credential.from === "client-credentials") return [credential.clientSecret];
  return Object.values(credential.values ?? {});
}

function written({ scheme }: Credential, value: string): string {
  return scheme === "" ? value : `${scheme} ${value}`;
}

function valueFor(principal: Principal | undefined, credential: Credential): string | undefined {
  if (credential.from === "static") return credential.value;
  if (!principal || credential.from === "client-credentials") return undefined;
  if (credential.from === "principal") return own(credential.values, principal.id);
  const claim = claimAt(principal.claims ?? {}, credential.claim);
  if (typeof claim !== "string" || claim === "") return undefined;
  return credential.values ? own(credential.values, claim) : claim;
}

/** What every object has by birth (`constructor`) is nobody's. */
function own(values: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}
