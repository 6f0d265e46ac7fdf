import { z } from "zod";
import { ConfigError } from "../errors.ts";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Principal } from "../exchange/caller.ts";
import { redact } from "../redact.ts";
import type { Json } from "../wire/message.ts";
import type { Failures } from "./failures.ts";
import { zodProblem } from "./zod-schema.ts";

/** What an operation of a plugin says of itself. */
export interface OperationFacts<Schema extends z.ZodType = z.ZodType> {
  /** What it does, in a few words. */
  readonly description?: string;
  /** Its params; what does not fit is refused before it runs. Default: any object. */
  readonly params?: Schema;
  /** It changes nothing, so `operated` is not told of it. */
  readonly reads?: true;
}

/** Something that an operator may have done to a running host. */
export interface Operation {
  readonly description: string | undefined;
  readonly params: z.ZodType;
  /** Whether it changes nothing. */
  readonly reads: boolean;
  /** @param params that fit its schema @param who has it done */
  run(params: unknown, who: string): Awaitable<Readonly<Json>>;
}

/** An operation as it is listed. */
export interface OperationInfo {
  /** How it is run: `reload` of the host's own, `<plugin>:<name>` of a plugin's. */
  readonly name: string;
  /** The id of the plugin that it belongs to; undefined for the host's own. */
  readonly plugin: string | undefined;
  readonly description: string | undefined;
  /** JSON Schema of its params, an object. */
  readonly params: Readonly<Json>;
}

/** Who has something done: a principal, told by its id, or any other name, such as `admin:alice`. */
export type Who = string | Principal;

/** Any params. */
export const ANY_PARAMS = z.record(z.string(), z.unknown());

/** Between the id of a plugin and the name of its operation. */
const BETWEEN = ":";

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

  /** @throws ConfigError for a name that cannot be told from the plugin's id */
  operation(plugin: string, name: string, run: Operation["run"], { description, params = ANY_PARAMS, reads }: OperationFacts): void {
    if (name === "" || name.includes(BETWEEN))
      throw new ConfigError([`plugin "${plugin}": the operation ${JSON.stringify(name)} must have a name without "${BETWEEN}"`]);
    const wrong = zodProblem(params);
    if (wrong !== undefined) throw new ConfigError([`plugin "${plugin}": the operation "${name}" has "params" that are ${wrong}`]);
    let own = this.#operations.get(plugin);
    if (!own) this.#operations.set(plugin, (own = new Map()));
    own.set(name, { description, params, reads: reads === true, run });
  }

  /** How things stand with each plugin that says so, by its id, without secrets. A plugin that throws says `{ failed: true }`. */
  reports(failures: Failures): Readonly<Record<string, Readonly<Json>>> {
    return Object.fromEntries([...this.#reports].map(([plugin, read]) => [plugin, reportOf(plugin, read, failures)]));
  }

  /** All of them, with the plugins that they belong to and the names that they are run by. */
  *all(): Iterable<{ readonly name: string; readonly plugin: string; readonly operation: Operation }> {
    for (const [plugin, own] of this.#operations)
      for (const [name, operation] of own) yield { name: `${plugin}${BETWEEN}${name}`, plugin, operation };
  }

  /** The one that is run by this name; undefined where it is no plugin's. @throws Error that names what there is instead of an unknown one */
  find(name: string): { readonly plugin: string; readonly operation: Operation } | undefined {
    const end = name.lastIndexOf(BETWEEN);
    if (end === -1) return undefined;
    const [plugin, wanted] = [name.slice(0, end), name.slice(end + 1)];
    const own = this.#operations.get(plugin);
    const operation = own?.get(wanted);
    if (!operation)
      throw new Error(`plugin "${plugin}" has no operation "${wanted}"; it has ${[...(own?.keys() ?? [])].join(", ") || "none"}`);
    return { plugin, operation };
  }
}

/** One plugin's mistake must not keep an operator from seeing the rest. */
function reportOf(plugin: string, read: () => Readonly<Json>, failures: Failures): Json {
  try {
    return redact(read()) as Json; // a copy of an object is one
  } catch (error) {
    failures.tell("a plugin could not say how things stand with it", { plugin }, error);
    return { failed: true };
  }
}
