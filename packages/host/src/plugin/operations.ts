import { z } from "zod";
import { ConfigError, HostError } from "../errors.ts";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Principal } from "../exchange/caller.ts";
import { redact } from "../redact.ts";
import type { Json } from "../wire/message.ts";
import type { Failures } from "./failures.ts";
import { zodProblem } from "./zod-schema.ts";

/**
 * What operators who may not do everything need: `read` to look, `operate` for what keeps a host going and can be done again, `configure` for
 * what decides what it is from then on.
 */
export const SCOPES = ["read", "operate", "configure"] as const;
export type Scope = (typeof SCOPES)[number];

/** What an operation of a plugin says of itself. */
export interface OperationFacts<Schema extends z.ZodType = z.ZodType> {
  /** What it does, in a few words. */
  readonly description?: string;
  /** Its params; what does not fit is refused before it runs. Default: any object. */
  readonly params?: Schema;
  /** What it gives, for those who describe it. Default: any object. */
  readonly result?: z.ZodType;
  /** It changes nothing, so `operated` is not told of it. */
  readonly reads?: true;
  /** What an operator needs for it. Default: `read` for what changes nothing, else `operate`. */
  readonly scope?: Scope;
}

/** Something that an operator may have done to a running host. */
export interface Operation {
  readonly description: string | undefined;
  readonly params: z.ZodType;
  readonly result?: z.ZodType | undefined;
  /** Whether it changes nothing. */
  readonly reads: boolean;
  readonly scope?: Scope | undefined;
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
  /** JSON Schema of what it gives, an object. */
  readonly result: Readonly<Json>;
  /** Whether it changes nothing; what does is told to taps of `operated`. */
  readonly reads: boolean;
  /** What an operator needs for it who may not do everything: whoever lets operators in goes by it. */
  readonly scope: Scope;
}

/** Who has something done: a principal, told by its id, or any other name, such as `admin:alice`. */
export type Who = string | Principal;

/** What operators can follow while it comes: lines of the log, and what becomes of requests. */
export type Followed = "logs" | "trace";

/** What can be done to the running host, as plugins have it done. */
export interface OperatorDoor {
  list(): readonly OperationInfo[];
  /** @param plugin that asks for it; default: the program itself */
  run(name: string, params: Readonly<Json>, who: Who, plugin?: string): Promise<Readonly<Json>>;
  follow(what: Followed, query: Readonly<Json>, signal: AbortSignal): Promise<AsyncIterable<string>>;
}

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

  /** Whether a plugin has any operation or report. */
  isFrom(plugin: string): boolean {
    return this.#operations.has(plugin) || this.#reports.has(plugin);
  }

  /** @throws ConfigError for a name that cannot be told from the plugin's id */
  operation(plugin: string, name: string, run: Operation["run"], facts: OperationFacts): void {
    const { description, params = ANY_PARAMS, result, reads, scope } = facts;
    if (name === "" || name.includes(BETWEEN))
      throw new ConfigError([`plugin "${plugin}": the operation ${JSON.stringify(name)} must have a name without "${BETWEEN}"`]);
    for (const [part, schema] of Object.entries({ params, ...(result !== undefined && { result }) })) {
      const wrong = zodProblem(schema);
      if (wrong !== undefined) throw new ConfigError([`plugin "${plugin}": the operation "${name}" has "${part}" that are ${wrong}`]);
    }
    if (scope !== undefined && !SCOPES.includes(scope))
      throw new ConfigError([
        `plugin "${plugin}": the operation "${name}" has the "scope" ${JSON.stringify(scope)}; there are ${SCOPES.join(", ")}`,
      ]);
    let own = this.#operations.get(plugin);
    if (!own) this.#operations.set(plugin, (own = new Map()));
    own.set(name, { description, params, result, reads: reads === true, scope, run });
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
      throw new HostError(
        "not_found",
        `plugin "${plugin}" has no operation "${wanted}"; it has ${[...(own?.keys() ?? [])].join(", ") || "none"}`,
      );
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
