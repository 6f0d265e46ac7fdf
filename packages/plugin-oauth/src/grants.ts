import type { Logger, PluginClock } from "mcp-host";
import type { AuthorizationServer, TokenEndpointResponse } from "oauth4webapi";
import type { Kept } from "./memory.ts";
import type { ServerOptions } from "./options.ts";
import { problemOf, SignInProblem } from "./problem.ts";
import { clientKey, type FirstGrant, type Grant, grantKey, usersKey } from "./records.ts";
import { Secrets } from "./secrets.ts";
import type { Tokens } from "./tokens.ts";

/** Milliseconds that a refresh holds its lease: longer than a request may take. */
const LEASE = 30_000;
/** How long others wait for whoever refreshes, and how often they look. */
const WAIT = 25_000;
const LOOK = 100;
/** A token that was made so lately and is refused would be refused again. */
export const FRESH = 60_000;
/** Tokens that logs are kept clean of; the last ones may be in use still. */
const KEPT = 1_000;
/** Codes by which a server says that it does not know the client. */
const FORGOTTEN = new Set<string | undefined>(["invalid_client", "unauthorized_client"]);
/** Grants of one client that are listed. */
const MOST_USERS = 1_000;
const FIRST_PAUSE = 10_000;
const LAST_PAUSE = 300_000;

export interface GrantsOptions {
  readonly store: () => Kept;
  readonly clock: PluginClock;
  readonly log: Logger;
  readonly tokens: () => Tokens;
  /** Told of every refresh. */
  readonly refreshed: (problem: SignInProblem | undefined) => void;
}

/** Whose grant at which server. */
export interface Owner {
  readonly who: string;
  readonly url: string;
  readonly options: ServerOptions;
}

/**
 * What was signed in to. A refresh happens once for all who wait, in this process and, by a lease of the store, on this machine;
 * what is there is read again once the lease is held, and `invalid_grant` is the end of it.
 */
export class Grants {
  readonly #options: GrantsOptions;
  readonly #refreshing = new Map<string, Promise<Grant>>();
  /** Refreshes that failed for a passing reason: when the next may be tried, and how often it was. */
  readonly #pauses = new Map<string, { until: number; times: number; problem: SignInProblem }>();
  readonly #secrets = new Secrets(KEPT);

  constructor(options: GrantsOptions) {
    this.#options = options;
  }

  /** The grant, dead or alive; undefined where nobody signed in, or to something else than is configured now. */
  async get(owner: Owner): Promise<Grant | undefined> {
    const grant = (await this.#options.store().get(keyOf(owner))) as Grant | undefined; // written here
    if (!grant || grant.server !== owner.url) return undefined;
    const { clientId, issuer } = owner.options;
    if (clientId !== undefined && (grant.client.source !== "configured" || grant.client.id !== clientId)) return undefined;
    if (issuer !== undefined && grant.issuer !== issuer) return undefined;
    this.#know(grant);
    return grant;
  }

  /** Keeps what a sign-in gave. */
  async keep(owner: Owner, first: FirstGrant, given: TokenEndpointResponse): Promise<Grant> {
    this.#pauses.delete(keyOf(owner));
    const before = (await this.#options.store().get(keyOf(owner))) as Grant | undefined;
    const grant = this.#with({ ...first, generation: before?.generation ?? 0, accessToken: "", obtained: 0 }, given);
    await this.#options.store().set(keyOf(owner), grant);
    if (grant.client.source === "registered")
      await this.#options
        .store()
        .update(usersKey(grant.client), (there) => [...usersIn(there, keyOf(owner)), keyOf(owner)].slice(0, MOST_USERS));
    return grant;
  }

  /** @returns whether it was the last one that is known of a client that registered itself */
  async forget(owner: Owner, { client }: Grant): Promise<boolean> {
    const { store } = this.#options;
    await store().delete(keyOf(owner));
    if (client.source !== "registered") return false;
    let isLast = false;
    await store().update(usersKey(client), (there) => {
      // Of a full list nobody knows who is not on it.
      if (!Array.isArray(there) || there.length >= MOST_USERS) return there;
      const others = usersIn(there, keyOf(owner));
      isLast = others.length === 0;
      return isLast ? undefined : others;
    });
    return isLast;
  }

  /** Marks a grant as of no use, unless another has taken its place. */
  async kill(owner: Owner, grant: Grant, why: string): Promise<void> {
    const at = this.#options.clock.now();
    await this.#options.store().update(keyOf(owner), (there) => {
      const now = there as Grant | undefined;
      if (now?.generation !== grant.generation) return there;
      const { refreshToken: _, ...rest } = now;
      return { ...rest, dead: { why, at } };
    });
  }

  /** Whether a token should be renewed before it is used. */
  isOld({ expires, obtained }: Grant): boolean {
    if (expires === undefined) return false;
    return this.#options.clock.now() >= expires - margin(expires - obtained);
  }

  /** When a connection should ask again; undefined: when it is refused. A passing failure puts it off. */
  renewAt(owner: Owner, { expires, obtained }: Grant): number | undefined {
    if (expires === undefined) return undefined;
    const pause = this.#pauses.get(keyOf(owner));
    return Math.min(expires, Math.max(expires - margin(expires - obtained), pause?.until ?? 0));
  }

  /**
   * Another token in the place of this one. @param as where the grant is one without a person, who it is asked of
   * @throws SignInProblem; where it is no passing one, the grant is dead
   */
  refresh(owner: Owner, grant: Grant, as?: AuthorizationServer): Promise<Grant> {
    const key = keyOf(owner);
    const pause = this.#pauses.get(key);
    if (pause && this.#options.clock.now() < pause.until) return Promise.reject(pause.problem);
    let refreshing = this.#refreshing.get(key);
    if (!refreshing) {
      refreshing = this.#once(owner, grant, as).finally(() => this.#refreshing.delete(key));
      this.#refreshing.set(key, refreshing);
    }
    return refreshing;
  }

  async #once(owner: Owner, grant: Grant, as: AuthorizationServer | undefined): Promise<Grant> {
    const { clock, store } = this.#options;
    const key = keyOf(owner);
    const until = clock.monotonic() + WAIT;
    for (;;) {
      const lease = await store().lease(`refresh ${key}`, LEASE);
      if (lease) {
        try {
          return await this.#leased(owner, grant, as);
        } finally {
          await lease.release();
        }
      }
      const now = await this.get(owner);
      if (now && now.generation > grant.generation) return usable(now);
      if (clock.monotonic() >= until)
        throw new SignInProblem("unreachable", "another host of this machine is renewing the token and does not finish");
      await clock.sleep(LOOK);
    }
  }

  async #leased(owner: Owner, seen: Grant, as: AuthorizationServer | undefined): Promise<Grant> {
    const now = await this.get(owner);
    if (!now) throw new SignInProblem("expired", "somebody has signed out");
    if (now.generation > seen.generation) return usable(now);
    usable(now);
    try {
      const given = as ? await this.#options.tokens().byCredentials(as, now, owner.options) : await this.#byRefresh(owner, now);
      const next = this.#with(now, given);
      await this.#write(owner, next);
      this.#pauses.delete(keyOf(owner));
      this.#options.refreshed(undefined);
      return next;
    } catch (error) {
      const problem = problemOf(error);
      this.#options.refreshed(problem);
      throw await this.#failed(owner, now, problem);
    }
  }

  async #byRefresh(owner: Owner, grant: Grant): Promise<TokenEndpointResponse> {
    const { refreshToken } = grant;
    if (refreshToken === undefined) throw new SignInProblem("expired", "the sign-in has expired");
    const ask = (): Promise<TokenEndpointResponse> => this.#options.tokens().byRefresh(grant, refreshToken, owner.options);
    try {
      return await ask();
    } catch (error) {
      // The answer was lost: the token may be spent, which a server with a period of grace forgives once.
      if (
        !(error instanceof SignInProblem) ||
        error.kind !== "unreachable" ||
        error.code !== undefined ||
        !(error.cause instanceof Error) ||
        error.retryAfter !== undefined
      )
        throw error;
      if (!isLostAnswer(error)) throw error;
      this.#options.log.warn("a refresh was not answered, and is tried once more", { reason: error.message });
      return ask();
    }
  }

  /** Keeps a token before it is used: what is not kept would be lost with the process. */
  async #write(owner: Owner, grant: Grant): Promise<void> {
    const { store, clock, log } = this.#options;
    for (let times = 0; ; times++) {
      try {
        await store().set(keyOf(owner), grant);
        return;
      } catch (error) {
        if (times >= 2) {
          log.error("a new token could not be kept, and is lost when the host ends", {
            reason: error instanceof Error ? error.message : String(error),
          });
          return;
        }
        await clock.sleep(LOOK);
      }
    }
  }

  async #failed(owner: Owner, grant: Grant, problem: SignInProblem): Promise<SignInProblem> {
    const key = keyOf(owner);
    if (problem.isPassing) {
      const times = (this.#pauses.get(key)?.times ?? 0) + 1;
      const pause = problem.retryAfter ?? Math.min(FIRST_PAUSE * 2 ** (times - 1), LAST_PAUSE);
      this.#pauses.set(key, { until: this.#options.clock.now() + pause, times, problem });
      return problem;
    }
    // Somebody may have been faster whom no lease of ours held up.
    const now = await this.get(owner);
    if (now && now.generation > grant.generation) return problem;
    const { source, issuer, redirectUri } = grant.client;
    // Some forget who registered: the next sign-in registers anew.
    if (FORGOTTEN.has(problem.code) && source === "registered") await this.#options.store().delete(clientKey(issuer, redirectUri));
    await this.kill(owner, grant, problem.message);
    return problem;
  }

  #with(grant: Grant, given: TokenEndpointResponse): Grant {
    const now = this.#options.clock.now();
    const { expires: _, dead: __, ...rest } = grant;
    const {
      access_token: accessToken,
      refresh_token: refreshToken = grant.refreshToken,
      expires_in: seconds,
      scope = grant.scopeGranted ?? grant.scopeAsked,
    } = given;
    const next: Grant = {
      ...rest,
      accessToken,
      obtained: now,
      generation: grant.generation + 1,
      ...(refreshToken !== undefined && { refreshToken }),
      ...(typeof seconds === "number" && seconds > 0 && { expires: now + seconds * 1_000 }),
      ...(scope !== undefined && { scopeGranted: scope }),
    };
    this.#know(next);
    return next;
  }

  #know({ accessToken, refreshToken }: Grant): void {
    this.#secrets.keep(accessToken);
    if (refreshToken !== undefined) this.#secrets.keep(refreshToken);
  }

  close(): void {
    this.#secrets.clear();
    this.#pauses.clear();
  }
}

function keyOf({ who, url, options }: Owner): string {
  return grantKey(who, url, options.account);
}

/** Whose the grants of a client are, but for one. */
function usersIn(there: unknown, but: string): unknown[] {
  return Array.isArray(there) ? there.filter((each) => each !== but) : [];
}

function usable(grant: Grant): Grant {
  if (grant.dead) throw new SignInProblem("expired", grant.dead.why);
  return grant;
}

/** Milliseconds before its end at which a token of such a life is renewed. */
function margin(life: number): number {
  return Math.min(Math.max(30_000, life / 10), 300_000, life / 2);
}

/** Whether nothing came back although the request may have arrived. */
function isLostAnswer({ cause }: SignInProblem): boolean {
  return cause instanceof Error && (cause.name === "AbortError" || (cause instanceof TypeError && isReset(cause.cause)));
}

function isReset(cause: unknown): boolean {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return code === "ECONNRESET" || code === "UND_ERR_SOCKET";
}
