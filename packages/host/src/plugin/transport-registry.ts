import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { z } from "zod";
import { nearest } from "../config/nearest.ts";
import { optionProblems } from "../config/option-problems.ts";
import type { ResolvedConfig } from "../config/schema.ts";
import { BUILT_IN_TYPES } from "../config/server-schema.ts";
import { ConfigError } from "../errors.ts";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Principal } from "../exchange/caller.ts";
import type { Logger } from "../log.ts";

/** A configured server whose `type` names a transport that the host does not have itself. */
export interface TransportServer<Options = unknown> {
  /** The config's key. */
  readonly key: string;
  readonly type: string;
  /** What the config says under `options`, as the transport's schema gives it; without a schema as it is written. */
  readonly options: Options;
}

/** What is around a transport. */
export interface TransportContext {
  /** The host's log with the server's key on every line. */
  readonly log: Logger;
  /** Where relative paths of the config begin. */
  readonly folder: string;
  /** Aborted when the host closes. */
  readonly signal: AbortSignal;
  /** Whose connection it is to be, where it is one principal's or one session's. */
  readonly principal: Principal | undefined;
}

/** Makes an SDK `Transport` to a server, a new one for every connection; the host starts and closes it. What it throws is why the server is down. */
export type TransportFactory<Options = unknown> = (server: TransportServer<Options>, context: TransportContext) => Awaitable<Transport>;

export interface TransportSettings<Schema extends z.ZodType = z.ZodType> {
  /** What a server's `options` may say. Use `z.strictObject`, so that a misspelt key is an error. Default: anything. */
  options?: Schema;
}

/** Where plugins register transports: `host.transports`. */
export interface TransportRegistry {
  /**
   * Makes servers with this `type` possible. Only while `apply` runs.
   * @throws ConfigError for a type that the host has itself or that is registered already
   */
  register<Schema extends z.ZodType>(type: string, factory: TransportFactory<z.output<Schema>>, settings?: TransportSettings<Schema>): void;
}

interface Registered {
  readonly factory: TransportFactory;
  readonly schema: z.ZodType | undefined;
  /** Who brought it, in words. */
  readonly from: string;
}

const TYPE = /^[A-Za-z][\w.-]{0,63}$/;

/** The transports that plugins and code bring. */
export class Transports {
  readonly #registered = new Map<string, Registered>();
  readonly #around: Omit<TransportContext, "principal">;
  /** What was checked, by key. */
  readonly #servers = new Map<string, TransportServer>();
  #checked = false;

  /** @param brought those of code. @throws ConfigError for one that cannot be */
  constructor({ log, folder, signal }: Omit<TransportContext, "principal">, brought: Readonly<Record<string, TransportFactory>> = {}) {
    this.#around = { log, folder, signal };
    for (const [type, factory] of Object.entries(brought)) this.#register(type, { factory, schema: undefined, from: "createHost" });
  }

  /** What a plugin is given. */
  of(plugin: string): TransportRegistry {
    return Object.freeze({
      register: <Schema extends z.ZodType>(
        type: string,
        factory: TransportFactory<z.output<Schema>>,
        settings?: TransportSettings<Schema>,
      ) =>
        // The schema's output is what the factory gets.
        this.#register(type, { factory: factory as TransportFactory, schema: settings?.options, from: `plugin "${plugin}"` }),
    });
  }

  /** Takes over what a plugin registered in another set. @throws ConfigError where another registers it now */
  adopt(from: Transports, plugin: string): void {
    for (const [type, each] of from.#registered) if (each.from === `plugin "${plugin}"`) this.#register(type, each);
  }

  /** What brings a server's transport, where it is not the host's own: another, where a plugin was applied anew. */
  sourceOf(key: string): unknown {
    const server = this.#servers.get(key);
    return server && this.#registered.get(server.type);
  }

  /** Whether a plugin brought any. */
  isFrom(plugin: string): boolean {
    return [...this.#registered.values()].some(({ from }) => from === `plugin "${plugin}"`);
  }

  #register(type: string, registered: Registered): void {
    const refuse = (why: string): never => {
      throw new ConfigError([`${registered.from} registers the transport ${JSON.stringify(type)}, ${why}`]);
    };
    if (this.#checked) refuse("too late: servers are made already; register it in apply");
    if (typeof type !== "string" || !TYPE.test(type)) refuse("but a type is a letter and up to 63 more of A-Z a-z 0-9 _ . -");
    if (BUILT_IN_TYPES.includes(type)) refuse("which the host has itself; give it another name");
    if (typeof registered.factory !== "function") refuse("but not with a function that makes an SDK Transport");
    const before = this.#registered.get(type);
    if (before) refuse(`which ${before.from} registers already; remove one of them`);
    this.#registered.set(type, registered);
  }

  /** Checks the servers whose transports are not the host's own, once all plugins are applied. @throws ConfigError with every problem */
  check(servers: ResolvedConfig["mcpServers"]): void {
    this.#checked = true;
    const problems: string[] = [];
    for (const [key, server] of Object.entries(servers)) {
      if (!("options" in server)) continue;
      const { type, options } = server;
      const found = this.#registered.get(type);
      const place = `mcpServers.${key}`;
      if (!found) {
        const known = [...BUILT_IN_TYPES, ...this.#registered.keys()];
        problems.push(
          `${place}.type: there is no transport "${type}"${nearest(type, known)}; known are ${known.map((name) => `"${name}"`).join(", ")}; add the plugin that brings it to "plugins", or hand it to createHost in "transports"`,
        );
        continue;
      }
      if (!found.schema) this.#servers.set(key, { key, type, options });
      else {
        const parsed = found.schema.safeParse(options);
        if (parsed.success) this.#servers.set(key, { key, type, options: parsed.data });
        else for (const issue of parsed.error.issues) problems.push(...optionProblems(issue, place, found.schema, `transport "${type}"`));
      }
    }
    if (problems.length > 0) throw new ConfigError(problems);
  }

  /** Makes the transport of one connection to a server that was checked. */
  open(key: string, principal: Principal | undefined): Awaitable<Transport> {
    const server = this.#servers.get(key) as TransportServer; // no start without a check
    const { factory } = this.#registered.get(server.type) as Registered; // nor without a factory
    const { log } = this.#around;
    return factory(server, { ...this.#around, log: log.child({ upstream: key }), principal });
  }
}
