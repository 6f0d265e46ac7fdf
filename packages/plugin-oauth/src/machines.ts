import type { AuthorizationServer } from "oauth4webapi";
import type { Challenge } from "./challenge.ts";
import { methodOf } from "./clients.ts";
import { discover } from "./discovery.ts";
import type { Egress } from "./egress.ts";
import type { Grants, Owner } from "./grants.ts";
import type { Grant } from "./records.ts";
import type { Target } from "./servers.ts";
import { firstOf, scopeOf } from "./sign-in.ts";
import type { Tokens } from "./tokens.ts";

/** Milliseconds for which it is known which authorization server a server has. */
const DAY = 86_400_000;

/** Tokens of the host's own account (`client_credentials`), for which nobody signs in. */
export class Machines {
  readonly #options: { readonly egress: Egress; readonly tokens: Tokens; readonly grants: Grants; readonly now: () => number };
  readonly #servers = new Map<string, { as: AuthorizationServer; at: number }>();
  readonly #first = new Map<string, Promise<Grant>>();

  constructor(options: { readonly egress: Egress; readonly tokens: Tokens; readonly grants: Grants; readonly now: () => number }) {
    this.#options = options;
  }

  /** The first token for a server; asked for once at a time. @throws SignInProblem */
  first(target: Target, owner: Owner, challenge: Challenge | undefined): Promise<Grant> {
    let asking = this.#first.get(target.key);
    if (!asking) {
      asking = this.#ask(target, owner, challenge).finally(() => this.#first.delete(target.key));
      this.#first.set(target.key, asking);
    }
    return asking;
  }

  async #ask(target: Target, owner: Owner, challenge: Challenge | undefined): Promise<Grant> {
    const { egress, tokens, grants, now } = this.#options;
    const { url, options, key } = target;
    const found = await discover({ url, options, challenge }, egress);
    this.#servers.set(key, { as: found.as, at: now() });
    const scope = scopeOf(found, { options, challenge, stepUp: undefined });
    const client = {
      issuer: found.as.issuer,
      source: "configured" as const,
      id: options.clientId ?? "",
      method: methodOf(found.as, options),
    };
    const first = firstOf({ url, as: found.as, client, resource: found.resource, scope });
    return grants.keep(owner, first, await tokens.byCredentials(found.as, first, options));
  }

  async serverOf({ key, url, options }: Target): Promise<AuthorizationServer> {
    const { now, egress } = this.#options;
    const known = this.#servers.get(key);
    if (known && now() - known.at < DAY) return known.as;
    const { as } = await discover({ url, options, challenge: undefined }, egress);
    this.#servers.set(key, { as, at: now() });
    return as;
  }
}
