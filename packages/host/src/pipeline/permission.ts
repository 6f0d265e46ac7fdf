import type { Entry } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { Catalog } from "./catalog.ts";
import type { Target } from "./target.ts";

/** Whether a caller may use what its request names: as it is listed, and with the arguments that are sent. */
export class Permission {
  readonly #hooks: Pick<SealedHooks, "permit">;
  readonly #catalog: Pick<Catalog, "has" | "refusedBy">;

  constructor(hooks: Pick<SealedHooks, "permit">, catalog: Pick<Catalog, "has" | "refusedBy">) {
    this.#hooks = hooks;
    this.#catalog = catalog;
  }

  /** Which of the entries that a call concerns is not allowed with the arguments that are sent. */
  refused({ entry, called }: Target, exchange: HostExchange): Entry | undefined {
    const isRefused = (each: Entry): boolean => {
      const by = this.#hooks.permit?.(each, exchange.caller, exchange);
      if (by) exchange.decide(by, "refused");
      return by !== undefined;
    };
    if (isRefused(entry)) return entry;
    // Who calls knows only the name that was called.
    return called && isRefused(called) ? entry : undefined;
  }

  /** Whether the caller may have what it names, and what is called for it. */
  isGiven({ entry, template, called }: Target, exchange: HostExchange): boolean {
    const catalog = this.#catalog;
    if (!catalog.has(entry) || (called && !catalog.has(called))) return false;
    const leave = this.#hooks.permit && exchange.trace?.enter("permit");
    const by =
      catalog.refusedBy(entry, exchange.caller) ??
      (template && catalog.refusedBy(template, exchange.caller)) ??
      (called && catalog.refusedBy(called, exchange.caller));
    leave?.();
    if (by) exchange.decide(by, "refused");
    return by === undefined;
  }
}
