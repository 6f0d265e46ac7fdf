import { createHash, randomBytes } from "node:crypto";
import { isObject } from "mcp-host";
import type { Changes } from "./changes.ts";
import type { Kept } from "./memory.ts";
import { type Page, page } from "./pages.ts";
import { problemOf, SignInProblem } from "./problem.ts";
import { digest, PATIENCE } from "./records.ts";
import { ownerOf, type Target } from "./servers.ts";
import type { SignIns } from "./sign-in.ts";
import type { Standings } from "./standing.ts";

const COOKIE = "mcp-host-sign-in";
/** Links that are remembered; the oldest leave first. */
const GIVEN = 10_000;
/** Where the routes are on the host's own port. */
export const START = "/oauth/start";
export const CALLBACK = "/oauth/callback";

export interface TicketsOptions {
  readonly store: () => Kept;
  readonly targets: ReadonlyMap<string, Target>;
  readonly signIns: SignIns;
  readonly standings: Standings;
  readonly changes: Changes;
  readonly now: () => number;
  /** Where browsers reach the host, without a path. @throws SignInProblem where they do not */
  readonly base: () => string;
  /** Has the connections of a principal made anew. */
  readonly renew: (target: Target, principal: string) => Promise<void>;
}

/** A page's answer, and where it sends the browser. */
export interface Reply extends Omit<Page, "headers"> {
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Sign-ins of the persons behind clients: a client is given a link with a ticket of its principal's, which opens a page that says whose
 * sign-in it is, and goes on only in the browser that it was opened in.
 */
export class Tickets {
  readonly #options: TicketsOptions;
  /** What was given last, by server and principal. */
  readonly #given = new Map<string, { readonly ticket: string; readonly at: number }>();

  constructor(options: TicketsOptions) {
    this.#options = options;
  }

  /** A link for one principal and server, good for five to ten minutes: who asks again and again is given the same one. */
  async link(target: Target, principal: string): Promise<string> {
    const base = this.#options.base();
    const key = digest(target.key, principal);
    const given = this.#given.get(key);
    if (given && this.#options.now() - given.at < PATIENCE / 2) return `${base}${START}?ticket=${given.ticket}`;
    const ticket = randomBytes(24).toString("base64url");
    this.#given.delete(key);
    this.#given.set(key, { ticket, at: this.#options.now() });
    const [oldest = ""] = this.#given.keys();
    if (this.#given.size > GIVEN) this.#given.delete(oldest);
    await this.#options.store().set(ticketKey(ticket), { server: target.key, principal }, PATIENCE);
    return `${base}${START}?ticket=${ticket}`;
  }

  /** The page behind a link; `go` is what its own button says. */
  async start(query: URLSearchParams, cookies: string | undefined): Promise<Reply> {
    const [ticket = "", go] = [query.get("ticket") ?? undefined, query.get("go")];
    const kept = await this.#options.store().get(ticketKey(ticket));
    const target = isObject(kept) && typeof kept.server === "string" ? this.#options.targets.get(kept.server) : undefined;
    if (!isObject(kept) || typeof kept.principal !== "string" || !target)
      return page(404, "This link is over", "It was used, or is older than ten minutes. Ask for another one where you got it.");
    const { principal } = kept;
    const cookie = cookieIn(cookies);
    if (go === null || cookie === undefined || go !== mark(cookie, ticket)) {
      const fresh = cookie ?? randomBytes(24).toString("base64url");
      const shown = page(
        200,
        `Sign in to ${target.key}`,
        `The client of "${principal}" asks to use ${new URL(target.url).host} on your behalf. Go on only if that is you: whoever uses that client will act there as whoever signs in now.`,
        {
          href: `${START}?ticket=${ticket}&go=${mark(fresh, ticket)}`,
          words: "Sign in",
        },
      );
      const secure = this.#options.base().startsWith("https:") ? "; Secure" : "";
      return {
        ...shown,
        headers: {
          ...shown.headers,
          "set-cookie": `${COOKIE}=${fresh}; Path=/oauth; HttpOnly; SameSite=Lax; Max-Age=${PATIENCE / 1_000}${secure}`,
        },
      };
    }
    const owner = ownerOf(target, principal);
    const standing = this.#options.standings.of(owner);
    try {
      const { url } = await this.#options.signIns.begin({
        ...owner,
        server: target.key,
        by: "page",
        browser: digest(cookie),
        redirectUri: this.#options.base() + CALLBACK,
        challenge: standing?.challenge,
        stepUp: standing?.stepUp,
      });
      return {
        ...page(303, "Sign in", "Your browser goes on by itself."),
        headers: { location: url, "cache-control": "no-store", "referrer-policy": "no-referrer" },
      };
    } catch (error) {
      return page(502, "The sign-in cannot begin", `${problemOf(error).message}.`);
    }
  }

  /** Where the authorization server sends the browser back to. */
  async callback(query: URLSearchParams, cookies: string | undefined): Promise<Reply> {
    const { signIns, standings, changes, targets } = this.#options;
    const cookie = cookieIn(cookies);
    if (cookie === undefined) return page(400, "Not signed in", "This is not the browser that the sign-in was begun in.");
    try {
      const { pending } = await signIns.finish(query, { by: "page", browser: digest(cookie) }, ({ server, who, first }) => {
        const target = targets.get(server);
        const { server: url } = first;
        return target?.mode === "principal" && target.url === url ? { who, url, options: target.options } : undefined;
      });
      const target = targets.get(pending.server) as Target; // as was just seen
      const owner = { who: pending.who, url: target.url, options: target.options };
      standings.clear(owner);
      await this.#options.renew(target, pending.who.slice("principal:".length)).catch(() => {}); // it has its own state
      await changes.tell(owner, true);
      return page(200, "Signed in", `You are signed in to ${target.key}. You may close this page and go back to your client.`);
    } catch (error) {
      return page(400, "Not signed in", `${problemOf(error).message}.`);
    }
  }
}

function ticketKey(ticket: string): string {
  return `ticket:${digest(ticket)}`;
}

/** What only who has the cookie knows: a page that somebody else made cannot go on for this browser. */
function mark(cookie: string, ticket: string): string {
  return createHash("sha256").update(`${cookie}.${ticket}`).digest("base64url");
}

function cookieIn(header: string | undefined): string | undefined {
  for (const part of (header ?? "").slice(0, 8_192).split(";")) {
    const [name, value] = part.trim().split("=", 2);
    if (name === COOKIE && value !== undefined && /^[\w-]{32}$/.test(value)) return value;
  }
  return undefined;
}

/** Where browsers reach a host. @param url of its endpoint, where it listens @throws SignInProblem */
export function baseOf(publicUrl: string | undefined, url: string | undefined): string {
  if (publicUrl !== undefined) return publicUrl.replace(/\/$/, "");
  if (url !== undefined && URL.canParse(url)) return new URL(url).origin;
  throw new SignInProblem(
    "callback",
    'this host listens on no port that a browser could come back to; set `listen` in its config, or sign in for all with mode "host"',
  );
}
