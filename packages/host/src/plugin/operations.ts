import type { Awaitable } from "../exchange/awaitable.ts";
import { errorFields, type Logger } from "../log.ts";
import { redact } from "../redact.ts";
import type { Json } from "../wire/message.ts";

/** Something that an operator may have done to a running host. */
export type Operation = (params: Readonly<Json>) => Awaitable<Readonly<Json>>;

/** What the plugins of a host offer to operators: how things stand with them, and what they can do on demand. */
export class Operations {
  readonly #reports = new Map<string, () => Readonly<Json>>();
  readonly #operations = new Map<string, Map<string, Operation>>();

  /** Takes over what a plugin offered in another set. */
  adopt(from: Operations, plugin: string): void {
    const report = from.#reports.get(plugin);
    if (report) this.#reports.set(plugin, report);
    const operations = from.#operations.get(plugin);
    if (operations) this.#operations.set(plugin, operations);
  }

  report(plugin: string, read: () => Readonly<Json>): void {
    this.#reports.set(plugin, read);
  }

  operation(plugin: string, name: string, run: Operation): void {
    let own = this.#operations.get(plugin);
    if (!own) this.#operations.set(plugin, (own = new Map()));
    own.set(name, run);
  }

  /** How things stand with each plugin that says so, by its id, without secrets. A plugin that throws says `{ failed: true }`. */
  reports(log: Logger): Readonly<Record<string, Readonly<Json>>> {
    return Object.fromEntries([...this.#reports].map(([plugin, read]) => [plugin, reportOf(plugin, read, log)]));
  }

  /** @throws Error that names what there is instead of an unknown operation */
  async operate(plugin: string, name: string, params: Readonly<Json>): Promise<Readonly<Json>> {
    const own = this.#operations.get(plugin);
    const run = own?.get(name);
    if (!run) throw new Error(`plugin "${plugin}" has no operation "${name}"; it has ${[...(own?.keys() ?? [])].join(", ") || "none"}`);
    return run(params);
  }
}

/** One plugin's mistake must not keep an operator from seeing the rest. */
function reportOf(plugin: string, read: () => Readonly<Json>, log: Logger): Json {
  try {
    return redact(read()) as Json; // a copy of an object is one
  } catch (error) {
    log.error("a plugin could not say how things stand with it", { plugin, ...errorFields(error) });
    return { failed: true };
  }
}
