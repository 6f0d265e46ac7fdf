import { nearest } from "../config/nearest.ts";
import type { AnyUpstreamConfig } from "../config/offered.ts";
import type { ResolvedConfig } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import type { Caller } from "../exchange/caller.ts";
import { repeatability } from "../exchange/repeatable.ts";
import type { TraceListener, Tracer } from "../exchange/trace.ts";
import type { UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Logger } from "../log.ts";
import { factsOf, strictest } from "../upstream/upstream.ts";
import type { Json } from "../wire/message.ts";
import { HookSet, runPhase, type SealedHooks, type Tap } from "./hook-set.ts";
import type { LoadedPlugin } from "./load.ts";
import { Meters } from "./meter.ts";
import type { Offering } from "./offering.ts";
import { Offers } from "./offers.ts";
import { type Operation, Operations } from "./operations.ts";
import type { ExpectedUpstream, PluginHost, Service } from "./plugin.ts";
import { PluginStore } from "./plugin-store.ts";
import { contentMark, untouched } from "./reuse.ts";
import type { Store } from "./store.ts";
import { STORE, Stores } from "./stores.ts";
import { type TransportFactory, Transports } from "./transport-registry.ts";

/** What of the host its plugins are given besides hooks, through all reloads. */
export interface Surroundings {
  readonly log: Logger;
  readonly folder: string;
  readonly status: PluginHost["operator"]["status"];
  readonly catalog: PluginHost["catalog"];
  readonly permits: PluginHost["permits"];
  /** Those in memory. */
  readonly stores: Stores;
  readonly tracer: Tracer;
  /** Transports that code brings. */
  readonly transports: Readonly<Record<string, TransportFactory>>;
  /** Aborted when the host closes. */
  readonly signal: AbortSignal;
}

type Isolation = "principal" | "session";

/** A plugin that was applied, and what it did meanwhile. A reload that does not concern it takes it over as it is. */
export class AppliedPlugin {
  readonly loaded: LoadedPlugin;
  /** Aborted when the plugin goes. */
  readonly gone = new AbortController();
  /** The set that it belongs to now. */
  set: PluginSet;
  taps: readonly Tap[] = [];
  /** Parts of the config that it looked at while it was applied. */
  readonly looked = new Set<string>();
  /** Files that it depends on, each with a mark of what it held. */
  readonly files = new Map<string, string>();
  /** Who provided the services that it asked for. */
  readonly found = new Map<symbol, AppliedPlugin | undefined>();
  readonly isolated: (readonly [upstream: string, isolation: Isolation])[] = [];
  /** Upstreams that its options name, by place. */
  readonly expected: ExpectedUpstream[] = [];
  /** Those that it provides, if it does. */
  readonly stores = new Stores();
  /** Entries of its own, if it offers any. */
  offers: Offers | undefined;

  constructor(loaded: LoadedPlugin, set: PluginSet) {
    this.loaded = loaded;
    this.set = set;
  }

  get id(): string {
    return this.loaded.owner.id;
  }

  /** Runs its `ready` or `close` taps. Rejects with what one of them threw, which the guard has logged. */
  run(phase: "ready" | "close"): Promise<void> {
    return runPhase(phase, this.taps);
  }

  /** Its life is over. */
  async end(): Promise<void> {
    await this.run("close").catch(() => {}); // logged
    this.gone.abort();
  }

  /** What it expects and is not there, with place and nearest name. */
  missing(upstreams: readonly string[]): string[] {
    return this.expected
      .filter(({ key }) => !upstreams.includes(key))
      .map(({ place, key, hint = "" }) => {
        const there =
          upstreams.length > 0 ? `; there ${upstreams.length === 1 ? "is" : "are"} ${upstreams.join(", ")}` : "; there is none at all";
        return `plugin "${this.id}": ${place}: no upstream is called "${key}"${nearest(key, upstreams) || there}${hint && `; ${hint}`}`;
      });
  }
}

/** The plugins of one config, applied in its order to one hook set, with what they offer each other and operators. */
export class PluginSet {
  readonly config: ResolvedConfig;
  readonly plugins: readonly AppliedPlugin[];
  readonly hooks: SealedHooks;
  readonly operations = new Operations();
  readonly meters = new Meters();
  readonly transports: Transports;
  /** As plugins see them: what the config and plugins say, until the upstreams themselves are there. */
  upstreams: readonly UpstreamFacts[];
  /** What each of them is made of, by key: the config's, and what plugins offer. */
  readonly upstreamConfigs: ReadonlyMap<string, AnyUpstreamConfig>;
  readonly #upstreamConfigs: Map<string, AnyUpstreamConfig>;
  readonly repeatable: PluginHost["repeatable"];
  readonly #around: Surroundings;
  readonly #services = new Map<symbol, { readonly value: unknown; readonly provider: AppliedPlugin }>();
  #applying = true;

  /**
   * Applies plugins.
   * @param before the set of which those are taken over that nothing changed for
   * @throws ConfigError of the first plugin that cannot be applied
   */
  static apply(loaded: readonly LoadedPlugin[], config: ResolvedConfig, around: Surroundings, before?: PluginSet): PluginSet {
    const kept = new Map(untouched(loaded, config, before).map((plugin) => [plugin.id, plugin]));
    for (;;) {
      const set = new PluginSet(loaded, config, around, kept);
      // A service that nobody provided when they asked for it may have a provider now.
      const late = [...kept.values()].filter((plugin) =>
        [...plugin.found].some(([key, provider]) => ![provider, plugin].includes(set.providerOf(key))),
      );
      if (late.length === 0) return set;
      for (const { id } of late) kept.delete(id);
      for (const plugin of set.fresh) void plugin.end();
    }
  }

  private constructor(
    loaded: readonly LoadedPlugin[],
    config: ResolvedConfig,
    around: Surroundings,
    kept: ReadonlyMap<string, AppliedPlugin>,
  ) {
    this.config = config;
    this.#around = around;
    this.#upstreamConfigs = new Map(Object.entries(config.mcpServers));
    this.upstreamConfigs = this.#upstreamConfigs;
    this.upstreams = Object.entries(config.mcpServers).map(([key, server]) => factsOf(key, server));
    this.transports = new Transports(around, around.transports);
    this.repeatable = repeatability(config.mcpServers);
    const hooks = new HookSet(around.log);
    const plugins: AppliedPlugin[] = [];
    this.plugins = plugins;
    try {
      for (const each of loaded) {
        const old = kept.get(each.owner.id);
        if (old) this.#adopt(old, hooks);
        const plugin = old ?? this.#apply(each, hooks);
        plugins.push(plugin);
      }
      for (const plugin of plugins) this.#checkExpected(plugin); // what they name, another may offer
      this.transports.check(config.mcpServers);
    } catch (error) {
      for (const plugin of this.fresh) void plugin.end();
      throw error;
    }
    this.#applying = false;
    this.hooks = hooks.seal();
  }

  /** Those that were not taken over from another set. */
  get fresh(): readonly AppliedPlugin[] {
    return this.plugins.filter(({ set }) => set === this);
  }

  providerOf(key: symbol): AppliedPlugin | undefined {
    return this.#services.get(key)?.provider;
  }

  /** From now on all its plugins belong to this set. */
  take(): void {
    for (const plugin of this.plugins) plugin.set = this;
  }

  #adopt(plugin: AppliedPlugin, hooks: HookSet): void {
    const { set, id } = plugin;
    hooks.adopt(plugin.taps);
    for (const [upstream, isolation] of plugin.isolated) this.#isolate(upstream, isolation);
    this.meters.adopt(set.meters, id);
    this.operations.adopt(set.operations, id);
    this.transports.adopt(set.transports, id);
    if (plugin.offers) this.#addOffers(id, plugin.offers);
    for (const [key, service] of set.#services) if (service.provider === plugin) this.#services.set(key, service);
  }

  #apply(loaded: LoadedPlugin, hooks: HookSet): AppliedPlugin {
    const { definition, options } = loaded;
    const plugin = new AppliedPlugin(loaded, this);
    const { id } = plugin;
    const host = this.#hostOf(plugin, hooks);
    plugin.taps = hooks.apply(loaded.owner, () => {
      let returned: unknown;
      try {
        returned = (definition.apply as (host: PluginHost, options: unknown) => unknown)(host, options);
      } catch (error) {
        const missing = plugin.missing(this.#keys);
        if (error instanceof ConfigError) throw new ConfigError([...missing, ...error.problems]);
        // It may have stumbled over what is not there.
        if (missing.length > 0) throw new ConfigError(missing);
        throw new ConfigError([`plugin "${id}" could not be applied: ${error instanceof Error ? error.message : String(error)}`]);
      }
      if (returned instanceof Promise) {
        returned.catch(() => {}); // told below
        throw new ConfigError([
          `plugin "${id}" has an asynchronous apply; register taps in apply and do work that waits in the "ready" hook`,
        ]);
      }
    });
    return plugin;
  }

  get #keys(): string[] {
    return this.upstreams.map(({ key }) => key);
  }

  #checkExpected(plugin: AppliedPlugin): void {
    const missing = plugin.missing(this.#keys);
    if (missing.length > 0) throw new ConfigError(missing);
  }

  /** What a plugin's `apply` is given. It goes with the plugin from set to set. */
  #hostOf(plugin: AppliedPlugin, hooks: HookSet): PluginHost {
    const { id } = plugin;
    const { folder, status, catalog, permits, tracer } = this.#around;
    const log = this.#around.log.child({ plugin: id });
    const { signal } = plugin.gone;
    /** What is looked at while it is applied decides whether a reload concerns the plugin. */
    const look = (part: string): void => {
      if (plugin.set.#applying) plugin.looked.add(part);
    };
    return Object.freeze({
      hooks: hooks.hooks,
      log,
      folder,
      catalog,
      permits,
      // The two forms of an offer give the same object, with the updates of either.
      offer: ((offering: Offering | ((caller: Caller) => Offering)) => plugin.set.#offer(plugin, offering)) as PluginHost["offer"],
      signal,
      trace: (listener: TraceListener) => tracer.listen(listener, signal, log),
      transports: this.transports.of(id),
      get upstreams() {
        look("mcpServers");
        const { set } = plugin;
        // Which plugins offer something is known once all are applied.
        return set.#applying ? set.upstreams.filter(({ wire }) => wire !== "plugin") : set.upstreams;
      },
      get config() {
        const { set } = plugin;
        if (!set.#applying) return set.config;
        return new Proxy(set.config, {
          get: (config, key) => {
            look(String(key));
            return Reflect.get(config, key) as unknown;
          },
        });
      },
      repeatable: (exchange: Parameters<PluginHost["repeatable"]>[0]) => plugin.set.repeatable(exchange),
      meter: {
        counter: (facts: Parameters<PluginHost["meter"]["counter"]>[0]) => plugin.set.meters.of(id).counter(facts),
        gauge: (...args: Parameters<PluginHost["meter"]["gauge"]>) => plugin.set.meters.of(id).gauge(...args),
        instruments: () => plugin.set.meters.instruments,
      },
      operator: Object.freeze({
        status,
        report: (read: () => Readonly<Json>) => plugin.set.operations.report(id, read),
        operation: (name: string, run: Operation) => plugin.set.operations.operation(id, name, run),
      }),
      reload: Object.freeze({
        dependsOn: (file: string) => void plugin.files.set(file, contentMark(file)),
        expectUpstreams(...expected: ExpectedUpstream[]) {
          plugin.expected.push(...expected);
          if (!plugin.set.#applying) plugin.set.#checkExpected(plugin);
        },
      }),
      isolate(upstream: string, isolation: Isolation) {
        if (!plugin.set.#applying)
          throw new ConfigError([`plugin "${id}" calls isolate too late: connections are made as they were; call it in apply`]);
        const keys = plugin.set.#keys;
        if (!keys.includes(upstream))
          throw new ConfigError([`plugin "${id}": no upstream is called "${upstream}"${nearest(upstream, keys)}`]);
        plugin.isolated.push([upstream, isolation]);
        plugin.set.#isolate(upstream, isolation);
      },
      store: (name: string) => new PluginStore({ name, find: () => plugin.set.#store(plugin, name), signal, log }),
      provide: <T>(service: Service<T>, value: T) => plugin.set.#provide(plugin, service, value),
      use<T>(service: Service<T>): T {
        const value = plugin.set.#find(plugin, service);
        if (value === undefined)
          throw new ConfigError([`plugin "${id}" needs the service "${service.name}", which no plugin provides; add one that does`]);
        return value;
      },
      find: <T>(service: Service<T>) => plugin.set.#find(plugin, service),
    } satisfies PluginHost);
  }

  #offer(plugin: AppliedPlugin, offering: Offering | ((caller: Caller) => Offering)): Offers {
    const { id } = plugin;
    if (!this.#applying) throw new ConfigError([`plugin "${id}" calls offer too late: call it in apply, and update() what it returns`]);
    if (plugin.offers) throw new ConfigError([`plugin "${id}" calls offer twice; put all that it offers into one call`]);
    const offers = new Offers(plugin.loaded.owner, this.#around.log, offering);
    this.#addOffers(id, offers);
    plugin.offers = offers;
    return offers;
  }

  #addOffers(id: string, { config }: Offers): void {
    if (this.#upstreamConfigs.has(id))
      throw new ConfigError([
        `plugin "${id}" offers entries of its own as upstream "${id}", and mcpServers has a server of that name; rename the server, or give the plugin's entry another "id"`,
      ]);
    this.#upstreamConfigs.set(id, config);
    this.upstreams = [...this.upstreams, factsOf(id, config)];
  }

  #isolate(upstream: string, wanted: Isolation): void {
    this.upstreams = this.upstreams.map((facts) =>
      facts.key === upstream ? { ...facts, isolation: strictest(facts.isolation, wanted) } : facts,
    );
  }

  #find<T>(plugin: AppliedPlugin, { key }: Service<T>): T | undefined {
    const found = this.#services.get(key);
    plugin.found.set(key, found?.provider);
    return found?.value as T | undefined; // whoever provided it under this key gave a T
  }

  #provide<T>(plugin: AppliedPlugin, { key, name }: Service<T>, value: T): void {
    const before = this.#services.get(key);
    if (before)
      throw new ConfigError([
        `plugin "${plugin.id}" provides the service "${name}", which plugin "${before.provider.id}" provides already; remove one of them`,
      ]);
    this.#services.set(key, { value, provider: plugin });
  }

  /** One store for all who ask for the name: in memory, or what a plugin provides. Undefined while one may still come. */
  #store(plugin: AppliedPlugin, name: string): Store | undefined {
    if (this.#applying) return undefined;
    const provided = this.#find(plugin, STORE);
    return (this.providerOf(STORE.key)?.stores ?? this.#around.stores).of(name, provided);
  }
}
