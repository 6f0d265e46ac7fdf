import { nearest } from "./config/nearest.ts";
import type { LoadedPlugin } from "./config/plugins.ts";
import type { ResolvedConfig } from "./config/schema.ts";
import { ConfigError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { Meters } from "./meter.ts";
import type { Offers, Operation } from "./offers.ts";
import type { HookSet } from "./pipeline/hook-set.ts";
import type { UpstreamFacts } from "./pipeline/hooks.ts";
import { repeatability } from "./pipeline/repeatable.ts";
import { defineService, type PluginHost, type Service } from "./plugin.ts";
import { MemoryStore, type Store } from "./store.ts";
import type { Transports } from "./transports.ts";
import type { Json } from "./wire/message.ts";

/** Puts another store in the place of the one in memory: `host.provide(STORE, (name) => ...)`. */
export const STORE = defineService<(name: string) => Store>("store");

/** What of the host plugins are given besides hooks. */
export interface Surroundings {
  readonly config: ResolvedConfig;
  readonly log: Logger;
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly status: PluginHost["status"];
  readonly upstreams: readonly UpstreamFacts[];
  readonly catalog: PluginHost["catalog"];
  /** Whose isolation plugins may raise, by key. */
  readonly isolated: ReadonlyMap<string, { isolate: (isolation: "principal" | "session") => void }>;
  readonly transports: Transports;
}

/** Applies plugins in config order; each gets its own log and its own name on every tap. @throws ConfigError, also for servers whose transport no plugin brought */
export function applyPlugins(
  set: HookSet,
  plugins: readonly LoadedPlugin[],
  { isolated, transports, ...around }: Surroundings,
  offers: Offers,
): void {
  const meters = new Meters();
  const repeatable = repeatability(around.config.mcpServers);
  const services = new Map<symbol, { value: unknown; plugin: string }>();
  const stores = new Map<string, Store>();
  let applied = false;
  for (const { definition, options, owner } of plugins) {
    const find = <T>(service: Service<T>): T | undefined => services.get(service.key)?.value as T | undefined; // whoever provided it under this key gave a T
    const host: PluginHost = Object.freeze({
      ...around,
      repeatable,
      hooks: set.hooks,
      log: around.log.child({ plugin: owner.id }),
      meter: meters.of(owner.id),
      transports: transports.of(owner.id),
      report: (read: () => Readonly<Json>) => offers.report(owner.id, read),
      operation: (name: string, run: Operation) => offers.operation(owner.id, name, run),
      isolate(upstream: string, isolation: "principal" | "session") {
        if (applied)
          throw new ConfigError([`plugin "${owner.id}" calls isolate too late: connections are made as they were; call it in apply`]);
        const found = isolated.get(upstream);
        if (!found)
          throw new ConfigError([`plugin "${owner.id}": no upstream is called "${upstream}"${nearest(upstream, [...isolated.keys()])}`]);
        found.isolate(isolation);
      },
      store(name: string) {
        const provided = find(STORE);
        let store = stores.get(name);
        if (!store) stores.set(name, (store = provided ? provided(name) : new MemoryStore()));
        return store;
      },
      provide<T>(service: Service<T>, value: T) {
        const before = services.get(service.key);
        if (before)
          throw new ConfigError([
            `plugin "${owner.id}" provides the service "${service.name}", which plugin "${before.plugin}" provides already; remove one of them`,
          ]);
        services.set(service.key, { value, plugin: owner.id });
      },
      use<T>(service: Service<T>): T {
        const value = find(service);
        if (value === undefined)
          throw new ConfigError([`plugin "${owner.id}" needs the service "${service.name}", which no plugin provides; add one that does`]);
        return value;
      },
      find,
    });
    set.apply(owner, () => {
      let returned: unknown;
      try {
        returned = (definition.apply as (host: PluginHost, options: unknown) => unknown)(host, options);
      } catch (error) {
        if (error instanceof ConfigError) throw error;
        throw new ConfigError([`plugin "${owner.id}" could not be applied: ${error instanceof Error ? error.message : String(error)}`]);
      }
      if (returned instanceof Promise) {
        returned.catch(() => {}); // told below
        throw new ConfigError([
          `plugin "${owner.id}" has an asynchronous apply; register taps in apply and do work that waits in the "ready" hook`,
        ]);
      }
    });
  }
  applied = true;
  transports.check(around.config.mcpServers);
  for (const { owner } of plugins)
    if (!transports.isFrom(owner.id) && !set.taps.some((tap) => tap.plugin === owner.id))
      around.log.warn("a plugin taps no hook and so does nothing", { plugin: owner.id });
}
