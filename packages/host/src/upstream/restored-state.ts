import type { HostExchange } from "../exchange/host-exchange.ts";
import { errorFields, type Logger } from "../log.ts";
import type { Peer } from "../wire/peer.ts";
import type { ServerFacts } from "./handshake.ts";

/** What a server was told to do until further notice, and must be told again after every reconnect. */
export class RestoredState {
  /** URIs that are subscribed, with the sessions that asked for them. */
  readonly subscriptions = new Map<string, Set<string>>();
  /** Live tasks that only this connection knows; nothing can bring them back, so they keep it from resting. */
  readonly tasks = new Set<string>();
  /** Those of them, of a server of the modern era, that somebody wants to hear of. */
  readonly watchedTasks = new Set<string>();
  /** The log level, once somebody set one. */
  level: string | undefined;
  readonly #upstream: string;
  readonly #timeout: number;
  readonly #log: Logger;

  constructor(upstream: string, timeout: number, log: Logger) {
    this.#upstream = upstream;
    this.#timeout = timeout;
    this.#log = log;
  }

  #tasksEnded: (() => void) | undefined;

  /** A task has ended, or nobody will ask for it any more. */
  endTask(native: string): void {
    if (!this.tasks.delete(native) || this.tasks.size > 0) return;
    this.#tasksEnded?.();
    this.#tasksEnded = undefined;
  }

  /** Calls back when no task is alive: at once, or once the last has ended. */
  whenTasksEnd(ended: () => void): void {
    if (this.tasks.size === 0) ended();
    else this.#tasksEnded = ended;
  }

  /** Whether somebody depends on the connection although nothing is sent. */
  get any(): boolean {
    return this.subscriptions.size > 0 || this.tasks.size > 0;
  }

  /** Somebody is subscribed to a resource; gives whether nobody was. */
  add(uri: string, caller: string): boolean {
    const callers = this.subscriptions.get(uri);
    if (!callers) this.subscriptions.set(uri, new Set([caller]));
    else callers.add(caller);
    return callers === undefined;
  }

  /** Takes over another's subscriptions; gives the URIs that are new here. */
  inherit(other: RestoredState): string[] {
    const added: string[] = [];
    for (const [uri, sessions] of other.subscriptions) {
      const known = this.subscriptions.get(uri);
      if (!known) added.push(uri);
      this.subscriptions.set(uri, new Set([...(known ?? []), ...sessions]));
    }
    return added;
  }

  /** Tells a server that has just been initialized. */
  renew(peer: Peer<HostExchange>, server: ServerFacts): void {
    this.tellLevel(peer, server);
    for (const uri of this.subscriptions.keys()) this.#tell(peer, "resources/subscribe", { uri });
    for (const taskId of this.watchedTasks) peer.link.watchTask?.(taskId, () => {});
  }

  tellLevel(peer: Peer<HostExchange>, server: ServerFacts): void {
    if (this.level !== undefined && server.capabilities.logging !== undefined) this.#tell(peer, "logging/setLevel", { level: this.level });
  }

  #tell(peer: Peer<HostExchange>, method: string, params: Record<string, string>): void {
    peer.request(method, params, { timeout: this.#timeout }).result.catch((error) => {
      this.#log.warn("an upstream did not take up again what it was told", {
        upstream: this.#upstream,
        method,
        ...params,
        ...errorFields(error),
      });
    });
  }
}
