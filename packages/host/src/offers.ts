import type { Awaitable } from "./pipeline/hooks.ts";
import type { Json } from "./wire/message.ts";

/** Something that an operator may have done to a running host. */
export type Operation = (params: Readonly<Json>) => Awaitable<Readonly<Json>>;

/** What the plugins of a host offer to operators: how things stand with them, and what they can do on demand. */
export class Offers {
  readonly #reports = new Map<string, () => Readonly<Json>>();
  readonly #operations = new Map<string, Map<string, Operation>>();

  report(plugin: string, read: () => Readonly<Json>): void {
    this.#reports.set(plugin, read);
  }

  operation(plugin: string, name: string, run: Operation): void {
    let own = this.#operations.get(plugin);
    if (!own) this.#operations.set(plugin, (own = new Map()));
    own.set(name, run);
  }

  /** How things stand with each plugin that says so, by its id. */
  reports(): Readonly<Record<string, Readonly<Json>>> {
    return Object.fromEntries([...this.#reports].map(([plugin, read]) => [plugin, read()]));
  }

  /** @throws Error that names what there is instead of an unknown operation */
  async operate(plugin: string, name: string, params: Readonly<Json>): Promise<Readonly<Json>> {
    const own = this.#operations.get(plugin);
    const run = own?.get(name);
    if (!run) throw new Error(`plugin "${plugin}" has no operation "${name}"; it has ${[...(own?.keys() ?? [])].join(", ") || "none"}`);
    return run(params);
  }
}
