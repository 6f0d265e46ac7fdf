import { timingSafeEqual } from "node:crypto";
import { isLoopback, type Principal, SCOPES, type Scope } from "mcp-host";
import type { Resolved } from "./options.ts";
import { Problem } from "./problem.ts";
import { digest, type Handed, type Setup } from "./setup.ts";

/** A request, as far as it says who makes it. */
export interface Asked {
  readonly method: string;
  readonly headers: Headers;
  /** The address that the connection comes from; "" where there is none, as over a Unix socket. */
  readonly address: string;
}

/** Who asks, and what for. */
export interface Operator {
  /** As changes are told. */
  readonly who: string;
  readonly scope: Scope;
  /** Whether it may change what starts programs, too. */
  readonly commands: boolean;
}

/** Tries that one address may get wrong in so many milliseconds before it has to wait, and addresses that are remembered. */
const TRIES = 10;
const WINDOW = 60_000;
const ADDRESSES = 1_000;

/** What proxies add: with any of these a request comes from elsewhere, whatever its connection says. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via", "cf-connecting-ip"];

/** Who may do what. Tokens are kept as digests only. */
export class Access {
  readonly #tokens: readonly { readonly digest: Buffer; readonly operator: Operator }[];
  readonly #roles: readonly { readonly scope: Scope; readonly roles: ReadonlySet<string> }[];
  readonly #isLocal: boolean;
  readonly #commands: boolean;
  readonly #setup: Setup;
  readonly #now: () => number;
  /** By address: when it may try anew, and how often it was wrong till then. */
  readonly #wrong = new Map<string, { until: number; tries: number }>();

  /** @param now milliseconds of a clock */
  constructor(
    { tokens, roles, local, allowCommands }: Pick<Resolved, "tokens" | "roles" | "local" | "allowCommands">,
    setup: Setup,
    now: () => number,
  ) {
    this.#commands = allowCommands;
    this.#setup = setup;
    this.#tokens = tokens.map(({ name, token, scope }) => ({
      digest: digest(token),
      operator: { who: `admin:${name}`, scope, commands: allowCommands },
    }));
    // The widest first.
    this.#roles = [...SCOPES].reverse().flatMap((scope) => (roles?.[scope] ? [{ scope, roles: new Set(roles[scope]) }] : []));
    this.#isLocal = local ?? (tokens.length === 0 && roles === undefined);
    this.#now = now;
  }

  get isLocal(): boolean {
    return this.#isLocal;
  }

  /** Whether a client's principal may be an operator. */
  get hasRoles(): boolean {
    return this.#roles.length > 0;
  }

  /** Who asks, by a token of this plugin's or by being on this machine; undefined for anybody else. */
  find(asked: Asked): Operator | undefined {
    const authorization = asked.headers.get("authorization");
    if (authorization === null)
      return this.#isLocal && asked.method === "GET" && isNear(asked) ? { who: "admin:local", scope: "read", commands: false } : undefined;
    const given = bearerOf(authorization);
    if (this.#setup.has(given) && isNear(asked)) return { who: "admin:setup", scope: "configure", commands: true };
    const wanted = digest(given);
    let found: Operator | undefined;
    for (const { digest: known, operator } of this.#tokens) if (timingSafeEqual(known, wanted)) found = operator; // all of them, so that a match takes no other time
    return found;
  }

  /** Who a client is here; undefined for one without a role that counts. */
  ofPrincipal(principal: Principal | undefined): Operator | undefined {
    const found = this.#roles.find(({ roles }) => principal?.roles.some((role) => roles.has(role)));
    return principal && found && { who: `admin:${principal.id}`.slice(0, 256), scope: found.scope, commands: this.#commands };
  }

  /** The token of a set-up for its ticket; undefined where it is none, or comes from elsewhere. */
  redeem(asked: Asked): Handed | undefined {
    return isNear(asked) ? this.#setup.redeem(bearerOf(asked.headers.get("authorization") ?? "")) : undefined;
  }

  /** Why nobody is let in. Of one who tries too often nothing is said any more but that. @param words what is said of what was sent */
  refusal(
    { address, headers }: Asked,
    words = "the Authorization header is not that of an operator",
  ): Problem & { readonly isNews: boolean } {
    const now = this.#now();
    const hasTried = headers.has("authorization");
    let wrong = this.#wrong.get(address);
    if (!wrong || wrong.until <= now) wrong = { until: now + WINDOW, tries: 0 };
    if (hasTried) {
      wrong.tries++;
      this.#wrong.delete(address);
      this.#wrong.set(address, wrong);
      for (const oldest of this.#wrong.keys()) {
        if (this.#wrong.size <= ADDRESSES) break;
        this.#wrong.delete(oldest);
      }
    }
    if (wrong.tries > TRIES) {
      const wait = String(Math.max(1, Math.ceil((wrong.until - now) / 1_000)));
      return Object.assign(
        new Problem(429, "rate_limited", "too many wrong tokens; wait, and look at the config", { "retry-after": wait }),
        { isNews: false },
      );
    }
    const detail = hasTried ? words : "this needs `Authorization: Bearer <token>`, with a token of the admin plugin's options";
    return Object.assign(new Problem(401, "unauthorized", detail, { "www-authenticate": 'Bearer realm="mcp-host admin"' }), {
      isNews: hasTried,
    });
  }
}

/** Whether somebody with this scope may do what needs another. */
export function suffices(scope: Scope, needed: Scope): boolean {
  return SCOPES.indexOf(scope) >= SCOPES.indexOf(needed);
}

function bearerOf(authorization: string): string {
  return /^Bearer +([^\s]{1,600})$/i.exec(authorization)?.[1] ?? "";
}

const LOOPBACK_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;

/**
 * Whether a request is made on this machine and by no page of another site: a name that leads here from elsewhere (DNS rebinding) is in its
 * Host header, a page's is in Origin or Sec-Fetch-Site, and a proxy says whom it stands for.
 */
function isNear({ headers, address }: Asked): boolean {
  if (!isLoopback(address.replace(/^::ffff:/, ""))) return false;
  const host = headers.get("host") ?? "";
  if (!LOOPBACK_HOST.test(host) || FORWARDED.some((name) => headers.has(name))) return false;
  const origin = headers.get("origin");
  if (origin !== null && origin !== `http://${host}` && origin !== `https://${host}`) return false;
  const site = headers.get("sec-fetch-site");
  return site === null || site === "none" || site === "same-origin";
}
