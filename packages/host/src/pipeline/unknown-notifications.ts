import { HostError } from "../errors.ts";
import type { Caller } from "../exchange/caller.ts";
import type { Sink } from "../exchange/course.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { Json, Notification } from "../wire/message.ts";
import type { Directory } from "./directory.ts";
import type { Permission } from "./permission.ts";
import { notAllowed, type Targets } from "./target.ts";

/** Notifications of clients that no specification has: somebody may have made them up for the only server. */
export class UnknownNotifications {
  readonly #hooks: SealedHooks;
  readonly #directory: Directory;
  readonly #targets: Targets;
  readonly #permission: Permission;

  constructor({ hooks, directory }: { hooks: SealedHooks; directory: Directory }, targets: Targets, permission: Permission) {
    this.#hooks = hooks;
    this.#directory = directory;
    this.#targets = targets;
    this.#permission = permission;
  }

  /** Passes one to the only upstream, past the stages that a message without an answer has. */
  async pass(caller: Caller, { method, params }: Notification, sink: Sink): Promise<void> {
    const exchange = new HostExchange({ method, params, caller, sink });
    const target = this.#targets.find(exchange, this.#directory.offer(caller));
    const upstream = this.#directory.sole;
    if (target instanceof HostError || !target.entry || !upstream) return;
    exchange.entry = target.entry;
    if (!this.#permission.isGiven(target, exchange)) return this.#turnAway(exchange, target.unknown());
    try {
      const transform = this.#hooks.transform(method);
      if (transform) exchange.params = await transform(exchange.original, exchange);
    } catch (error) {
      return this.#turnAway(exchange, error as HostError); // the guard lets nothing else pass, and has logged what is no refusal
    }
    if (this.#permission.refused(target, exchange)) return this.#turnAway(exchange, notAllowed(target.entry));
    upstream
      .connectionFor(caller)
      .notify(method, params === undefined && exchange.params === exchange.original ? undefined : (exchange.params as Json));
  }

  /** Nobody waits for the answer to a notification, so that only plugins are told. */
  #turnAway(exchange: HostExchange, { type, message }: HostError): void {
    const by = exchange.decisions.at(-1);
    const decision = by && { plugin: by.plugin, hook: by.hook };
    this.#hooks.refused?.({ request: undefined, exchange, decision, rule: by?.rule, type, status: undefined, message });
  }
}
