import { type Exchange, type Handler, isObject, isRefusal, type Json, refuse } from "mcp-host";
import type { Changes } from "./changes.ts";
import { problemOf } from "./problem.ts";
import { ownerOf, type Target } from "./servers.ts";
import type { Standings } from "./standing.ts";
import type { Tickets } from "./tickets.ts";

/** How long a call waits for its person, once that one has said that the page will be opened. */
const WAIT = 45_000;

/** Who nobody has said who it is; what one of them signed in to would be everybody's. */
const NOBODY = "anonymous";

export interface AskingOptions {
  readonly tickets: Tickets;
  readonly standings: Standings;
  readonly changes: Changes;
}

/** Sends the persons behind clients to the pages where they sign in: when a call needs it, and when a client's tool asks. */
export class Asking {
  readonly #options: AskingOptions;

  constructor(options: AskingOptions) {
    this.#options = options;
  }

  /** A tap of `call` for a server that each principal signs in to. */
  around(next: Handler, target: Target): Handler {
    const { standings } = this.#options;
    return (exchange) => {
      if (exchange.principal.id === NOBODY) return Promise.reject(nobody(target));
      if (standings.of(ownerOf(target, exchange.principal))?.state === "needs sign-in") return this.#ask(exchange, target, next);
      return next(exchange).catch((error: unknown) => {
        if (isRefusal(error) && error.type === "sign_in_required" && error.upstream === target.key)
          return this.#ask(exchange, target, next);
        throw error;
      });
    };
  }

  async #ask(exchange: Exchange, target: Target, next: Handler): Promise<Json> {
    const { changes, standings } = this.#options;
    const owner = ownerOf(target, exchange.principal);
    const why = standings.of(owner)?.why ?? "nobody has signed in";
    const url = await this.#link(target, exchange);
    const required = (what: string): Error =>
      refuse("sign_in_required", `upstream "${target.key}" needs a sign-in of yours (${why}); ${what}`, {
        upstream: target.key,
        facts: { url },
      });
    if (!takesPages(exchange)) throw required(`open ${url} and call again`);
    const done = changes.next(owner, exchange.signal, WAIT);
    const result = await exchange.ask("elicitation/create", {
      mode: "url",
      elicitationId: exchange.id,
      url,
      message: `Sign in to ${target.key} (${new URL(target.url).host}), so that this call can be made.`,
    });
    if (result.action !== "accept") throw required("it was declined");
    await done;
    if (standings.of(owner)) throw required("it was not finished yet: call again when you have");
    return next(exchange);
  }

  async #link(target: Target, exchange: Exchange): Promise<string> {
    try {
      return await this.#options.tickets.link(target, exchange.principal.id);
    } catch (error) {
      throw refuse("sign_in_required", `upstream "${target.key}" needs a sign-in of yours: ${problemOf(error).message}`, {
        upstream: target.key,
      });
    }
  }

  /** What the tool `sign_in` says. */
  async tell(exchange: Exchange, target: Target): Promise<string> {
    if (exchange.principal.id === NOBODY) throw nobody(target);
    const url = await this.#link(target, exchange);
    return `Open ${url} in a browser to sign in to ${target.key}. The link is good for ten minutes.`;
  }
}

function nobody({ key }: Target): Error {
  return refuse(
    "forbidden",
    `upstream "${key}" is signed in to by each client's person, and this host does not know who you are; it needs a plugin that says so, such as @host/plugin-auth`,
    { upstream: key },
  );
}

/** Whether a client can send its person to a page (2025-11-25, client/elicitation). */
function takesPages({ caller }: Exchange): boolean {
  const { elicitation } = caller.capabilities;
  return isObject(elicitation) && isObject(elicitation.url);
}
