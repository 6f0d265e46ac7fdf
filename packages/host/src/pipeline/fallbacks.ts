import type { Entry } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** Errors by which a call that was not sent says that its upstream cannot be reached. */
const UNREACHED = new Set<string | undefined>(["upstream_down", "upstream_auth", "sign_in_required", "circuit_open"]);

/** The upstreams that stand in for the others (`fallback` in the config). */
export class Fallbacks {
  readonly #upstreams: ReadonlyMap<string, Upstream>;
  #areOffered = false;

  constructor(upstreams: ReadonlyMap<string, Upstream>) {
    this.#upstreams = upstreams;
    this.look();
  }

  /** Whether there is one. */
  get any(): boolean {
    for (const { config } of this.#upstreams.values()) if (config.fallback) return true;
    return false;
  }

  /** Whether what they list is offered. */
  get areOffered(): boolean {
    return this.#areOffered;
  }

  /** Looks whether any other server can be reached, which what a plugin offers is not; true if that has changed what is offered. */
  look(): boolean {
    const before = this.#areOffered;
    this.#areOffered =
      this.any && [...this.#upstreams.values()].every((each) => each.config.fallback || each.isUnreachable || each.facts.wire === "plugin");
    return before !== this.#areOffered;
  }

  /** What a call goes to that could not be sent: what the first that was not tried lists by the same native name, and is usable. */
  find(
    { attempts }: HostExchange,
    { kind, native }: Entry,
    listed: () => readonly Entry[],
    isUsable: (entry: Entry) => boolean,
  ): Entry | undefined {
    if (!UNREACHED.has(attempts.at(-1)?.error)) return undefined;
    for (const { key, config } of this.#upstreams.values()) {
      if (!config.fallback || attempts.some(({ upstream }) => upstream === key)) continue;
      const found = listed().find((entry) => entry.upstream === key && entry.kind === kind && entry.native === native);
      if (found && isUsable(found)) return found;
    }
    return undefined;
  }
}
