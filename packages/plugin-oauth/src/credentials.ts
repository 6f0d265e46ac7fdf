import { type Credentials, type CredentialsRequest, type Logger, refuse } from "mcp-host";
import { bearerOf, type Challenge } from "./challenge.ts";
import { FRESH, type Grants, type Owner } from "./grants.ts";
import type { Machines } from "./machines.ts";
import type { OnBehalf } from "./on-behalf.ts";
import { problemOf, type SignInProblem } from "./problem.ts";
import type { Grant } from "./records.ts";
import { ownerOf, type Target } from "./servers.ts";
import { splitScope } from "./sign-in.ts";
import type { Standing, Standings } from "./standing.ts";

export interface TokensForOptions {
  readonly targets: ReadonlyMap<string, Target>;
  readonly grants: Grants;
  readonly machines: Machines;
  readonly onBehalf: OnBehalf;
  readonly standings: Standings;
  readonly log: Logger;
  readonly now: () => number;
  /** Told that connections of a server are of no use until somebody has signed in. */
  readonly ended: (target: Target, request: CredentialsRequest) => void;
}

/** Gives connections their tokens. What it does of itself is one refresh; nobody is sent to a browser from here. */
export class TokensFor {
  readonly #options: TokensForOptions;

  constructor(options: TokensForOptions) {
    this.#options = options;
  }

  /** A tap of `credentials`. @throws what {@link refuse} makes, in words that say who must do what */
  async give(given: Credentials, request: CredentialsRequest): Promise<Credentials> {
    const target = this.#options.targets.get(request.upstream.key);
    if (!target) return given;
    if (target.options.grant === "token_exchange") return this.#options.onBehalf.give(given, target, request);
    const owner = ownerOf(target, request.principal);
    if (request.reason === "insufficient") return this.#moreScope(given, target, owner, request);
    if (request.reason === "refused") return this.#refused(given, target, owner, request);
    const grant =
      target.options.grant === "client_credentials" ? await this.#machine(target, owner) : await this.#options.grants.get(owner);
    if (!grant) {
      const standing = this.#options.standings.of(owner);
      if (standing) throw this.#needsSignIn(target, standing);
      return given; // it may want none, and says so if it does
    }
    return this.#with(given, target, owner, request, grant);
  }

  /** What is given to a connection of somebody who has a grant. */
  async #with(given: Credentials, target: Target, owner: Owner, request: CredentialsRequest, grant: Grant): Promise<Credentials> {
    const { grants } = this.#options;
    if (grant.dead) throw this.#lost(target, owner, request, grant.dead.why, undefined);
    if (!grants.isOld(grant)) return this.#alive(given, owner, grant);
    if (grant.refreshToken === undefined && target.options.grant === "authorization_code") {
      if (this.#isAlive(grant)) return this.#alive(given, owner, grant);
      throw this.#lost(target, owner, request, "the sign-in has expired", undefined);
    }
    return this.#renewed(given, target, owner, request, grant, undefined);
  }

  async #renewed(
    given: Credentials,
    target: Target,
    owner: Owner,
    request: CredentialsRequest,
    grant: Grant,
    challenge: Challenge | undefined,
  ): Promise<Credentials> {
    const { grants, machines } = this.#options;
    try {
      const as = target.options.grant === "client_credentials" ? await machines.serverOf(target) : undefined;
      return this.#alive(given, owner, await grants.refresh(owner, grant, as));
    } catch (error) {
      const problem = problemOf(error);
      if (!problem.isPassing && target.options.grant === "client_credentials") throw this.#machineFailed(target, owner, problem);
      if (!problem.isPassing) throw this.#lost(target, owner, request, problem.message, challenge);
      // The token in hand is as good as it was, unless it was refused.
      if (request.reason !== "refused" && this.#isAlive(grant)) {
        this.#tell(target, owner, {
          state: "degraded",
          why: problem.message,
          challenge: undefined,
          stepUp: undefined,
          at: this.#options.now(),
        });
        return this.#alive(given, owner, grant, true);
      }
      throw unavailable(target, problem);
    }
  }

  async #machine(target: Target, owner: Owner): Promise<Grant> {
    const { grants, machines, standings, now } = this.#options;
    const standing = standings.of(owner);
    if (standing?.state === "stopped" && now() - standing.at < FRESH) throw this.#stopped(target);
    try {
      const grant = await grants.get(owner);
      return grant && !grant.dead ? grant : await machines.first(target, owner, undefined);
    } catch (error) {
      throw this.#machineFailed(target, owner, problemOf(error));
    }
  }

  #machineFailed(target: Target, owner: Owner, problem: SignInProblem): Error {
    if (problem.isPassing) return unavailable(target, problem);
    this.#tell(target, owner, { state: "stopped", why: problem.message, challenge: undefined, stepUp: undefined, at: this.#options.now() });
    return this.#stopped(target);
  }

  #stopped({ key }: Target): Error {
    return refuse("upstream_auth", `upstream "${key}" gives the host no token; \`mcp-host status\` says why`, { upstream: key });
  }

  /** The server answered 401. */
  async #refused(given: Credentials, target: Target, owner: Owner, request: CredentialsRequest): Promise<Credentials> {
    const { grants, machines, now } = this.#options;
    const challenge = await bearerOf(request.challenge);
    if (!challenge && !target.isNamed) return request.last ?? given; // it wants something else than a token
    const used = request.last?.headers.authorization;
    const grant = await grants.get(owner);
    if (!grant && used !== undefined && !target.isNamed) return request.last ?? given; // another plugin's token
    if (target.options.grant === "client_credentials" && (!grant || grant.dead)) {
      try {
        return this.#alive(given, owner, await machines.first(target, owner, challenge));
      } catch (error) {
        throw this.#machineFailed(target, owner, problemOf(error));
      }
    }
    if (!grant) throw this.#lost(target, owner, request, "nobody has signed in", challenge);
    // There is another one than the one that was refused.
    if (used !== bearer(grant) && !grant.dead) return this.#with(given, target, owner, request, grant);
    if (grant.dead) throw this.#lost(target, owner, request, grant.dead.why, challenge);
    const age = now() - grant.obtained;
    if (age >= 0 && age < FRESH) {
      const why =
        "the server refuses a token that was made just now: it may expect another audience; see `resource` and `extraParams` of the server's options";
      await grants.kill(owner, grant, why);
      throw this.#lost(target, owner, request, why, challenge);
    }
    if (grant.refreshToken === undefined && target.options.grant === "authorization_code") {
      const why = "the server does not take its token any more, and there is none to renew it with";
      await grants.kill(owner, grant, why);
      throw this.#lost(target, owner, request, why, challenge);
    }
    return this.#renewed(given, target, owner, request, grant, challenge);
  }

  /** The server answered 403 and wants more scope, which no refresh gives: a person has to say yes. */
  async #moreScope(given: Credentials, target: Target, owner: Owner, request: CredentialsRequest): Promise<Credentials> {
    const { grants, standings } = this.#options;
    const challenge = await bearerOf(request.challenge);
    const grant = await grants.get(owner);
    if (!grant) return request.last ?? given;
    if (request.last?.headers.authorization !== bearer(grant) && !grant.dead) return this.#with(given, target, owner, request, grant);
    const before = [...(splitScope(grant.scopeAsked) ?? []), ...(splitScope(grant.scopeGranted) ?? [])];
    const wanted = splitScope(challenge?.scope) ?? [];
    const more = wanted.filter(
      (each) => !(splitScope(grant.scopeAsked) ?? []).includes(each) && !(splitScope(grant.scopeGranted) ?? []).includes(each),
    );
    const named = more.join(" ").slice(0, 200);
    if (
      more.length === 0 ||
      target.options.grant === "client_credentials" ||
      !(standings.of(owner)?.state === "needs more scope" || standings.mayStepUp(owner))
    )
      throw refuse("upstream_auth", `upstream "${target.key}" wants more scope for this than another sign-in would give`, {
        upstream: target.key,
      });
    const why = `it wants more scope for this: ${named}`;
    const standing: Standing = {
      state: "needs more scope",
      why,
      challenge,
      stepUp: [...new Set([...before, ...wanted])],
      at: this.#options.now(),
    };
    this.#tell(target, owner, standing);
    throw this.#needsSignIn(target, standing);
  }

  #alive(given: Credentials, owner: Owner, grant: Grant, isDegraded = false): Credentials {
    const { grants, standings } = this.#options;
    const standing = standings.of(owner);
    if (standing && standing.state !== "needs more scope" && !isDegraded) standings.clear(owner);
    const expires = grants.renewAt(owner, grant);
    return { ...given, headers: { ...given.headers, authorization: bearer(grant) }, ...(expires !== undefined && { expires }) };
  }

  #isAlive({ expires }: Grant): boolean {
    return expires === undefined || this.#options.now() < expires;
  }

  /** Somebody has to sign in, and until then nothing is sent. */
  #lost(target: Target, owner: Owner, request: CredentialsRequest, why: string, challenge: Challenge | undefined): Error {
    const standing: Standing = {
      state: "needs sign-in",
      why,
      challenge: challenge ?? this.#options.standings.of(owner)?.challenge,
      stepUp: undefined,
      at: this.#options.now(),
    };
    this.#tell(target, owner, standing);
    if (request.reason !== "connect") this.#options.ended(target, request);
    return this.#needsSignIn(target, standing);
  }

  #tell(target: Target, owner: Owner, standing: Standing): void {
    const { standings, log } = this.#options;
    const before = standings.of(owner);
    standings.set(owner, standing);
    if (before?.state === standing.state && before.why === standing.why) return;
    log.warn(
      standing.state === "degraded" ? "a token could not be renewed, and is used until it expires" : "somebody has to sign in to a server",
      {
        upstream: target.key,
        state: standing.state,
        reason: standing.why,
      },
    );
  }

  #needsSignIn(target: Target, { why, state }: Standing): Error {
    const how = target.mode === "host" ? `run \`mcp-host login ${target.key}\`` : "its link comes with a call, or with the tool `sign_in`";
    const what = state === "needs more scope" ? "needs a new sign-in" : "needs a sign-in";
    return refuse("sign_in_required", `upstream "${target.key}" ${what}: ${why}; ${how}`, { upstream: target.key });
  }
}

function bearer({ accessToken }: Grant): string {
  return `Bearer ${accessToken}`;
}

function unavailable(target: Target, problem: SignInProblem): Error {
  const { retryAfter } = problem;
  return refuse(
    "upstream_down",
    `upstream "${target.key}" is not available: its authorization server gives no token now; \`mcp-host status\` has the reason`,
    {
      upstream: target.key,
      ...(retryAfter !== undefined && { retryAfterMs: retryAfter }),
    },
  );
}
