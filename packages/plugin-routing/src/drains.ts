import { isObject, type Logger, type Store } from "mcp-host";
import type { Drained, Member } from "./member.ts";

/** In the host's store: which servers get no new calls, whoever shares it. */
const KEY = "drained";

/** The members that are drained: a reload and, with a store that lasts, a restart leave them so. */
export class Drains {
  readonly #store: Store;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #log: Logger;
  #end: (() => void) | undefined;

  constructor(store: Store, members: ReadonlyMap<string, Member>, log: Logger) {
    this.#store = store;
    this.#members = members;
    this.#log = log;
  }

  async open(): Promise<void> {
    this.#end = this.#store.subscribe(KEY, (servers) => this.#take(servers));
    try {
      this.#take(await this.#store.get(KEY));
    } catch (error) {
      this.#log.warn("the store did not tell which servers are drained, so none is", { error: String(error) });
    }
  }

  close(): void {
    this.#end?.();
  }

  /** @param drained undefined gives it calls again */
  async put(server: string, drained: Drained | undefined): Promise<void> {
    const servers = await this.#store.update(KEY, (before) => {
      const { [server]: _, ...others } = isObject(before) ? before : {};
      return drained === undefined ? others : { ...others, [server]: drained };
    });
    this.#take(servers);
    await this.#store.publish(KEY, servers);
  }

  #take(servers: unknown): void {
    for (const member of this.#members.values()) {
      const drained = isObject(servers) ? servers[member.server] : undefined;
      member.drained = drained === "new" || drained === "all" ? drained : undefined;
    }
  }
}
