import { nearest } from "../config/nearest.ts";
import type { AnyUpstreamConfig } from "../config/offered.ts";
import type { ResolvedConfig } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import type { Caller } from "../exchange/caller.ts";
import { repeatability } from "../exchange/repeatable.ts";
import type { TraceListener, TraceOptions } from "../exchange/trace.ts";
import type { UpstreamFacts } from "../exchange/upstream-facts.ts";
import { factsOf, strictest } from "../upstream/upstream.ts";
import { clockOf } from "./clock.ts";
import { endTogether } from "./closing.ts";
import { checkConditions } from "./condition-problems.ts";
import { PluginEdge } from "./edge.ts";
import { HookSet, runPhase, type SealedHooks, type Tap } from "./hook-set.ts";
import type { LoadedPlugin } from "./load.ts";
import { Meters } from "./meter.ts";
import type { Offering } from "./offering.ts";
import { nameTaken, Offers, offeredTwice } from "./offers.ts";
import { Operations } from "./operations.ts";
import type { ExpectedUpstream, PluginHost, Service } from "./plugin.ts";
import { operatorOf } from "./plugin-operator.ts";
import { PluginStore } from "./plugin-store.ts";
import { principalOf } from "./request-principals.ts";
import { contentMark, untouched } from "./reuse.ts";
import { Services } from "./services.ts";
import type { Store } from "./store.ts";
import { STORE, Stores } from "./stores.ts";
import type { Surroundings } from "./surroundings.ts";
import { notApplied } from "./thrown.ts";
import { Transports } from "./transport-registry.ts";

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
  /** Services that it provides. */
  readonly provided = new Set<symbol>();
  readonly isolated: (readonly [upstream: string, isolation: Isolation])[] = [];
  /** Upstreams that its options name, by place. */
  readonly expected: ExpectedUpstream[] = [];
  /** Those that it provides, if it does. */
  readonly stores = new Stores();
  /** What it offers by upstream: entries of its own under its id, none under the names of groups. */
  readonly offers = new Map<string, Offers>();

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
  /** What is open at the edge. */
  readonly edge = new PluginEdge();
  readonly transports: Transports;
  /** As plugins see them: what the config and plugins say, until the upstreams themselves are there. */
  upstreams: readonly UpstreamFacts[];
  /** What each of them is made of, by key: the config's, and what plugins offer. */
  readonly upstreamConfigs: ReadonlyMap<string, AnyUpstreamConfig>;
  readonly #upstreamConfigs: Map<string, AnyUpstreamConfig>;
  readonly repeatable: PluginHost["repeatable"];
  readonly #around: Surroundings;
  readonly #services = new Services<AppliedPlugin>();
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
      void endTogether(set.fresh);
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
    this.transports = new Transports({ ...around, log: around.listeners.log }, around.transports);
    this.repeatable = repeatability(config.mcpServers);
    const hooks = new HookSet(around.failures, around.freezes);
    const plugins: AppliedPlugin[] = [];
    this.plugins = plugins;
    try {
      for (const each of loaded) {
        const old = kept.get(each.owner.id);
        if (old) this.#adopt(old, hooks);
        plugins.push(old ?? this.#apply(each, hooks));
      }
      for (const plugin of plugins) this.#checkExpected(plugin); // what they name, another may offer
      this.transports.check(config.mcpServers);
      checkConditions(plugins, { servers: this.#keys, endpoints: [...this.edge.endpoints.keys()] });
    } catch (error) {
      void endTogether(this.fresh);
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
    return this.#services.providerOf(key);
  }

  /** Whether a plugin hears the log or the trace. */
  isListening({ id, gone }: AppliedPlugin): boolean {
    return this.#around.listeners.isHeardBy(id) || this.#around.tracer.isHeardBy(gone.signal);
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
    this.edge.adopt(set.edge, id);
    this.transports.adopt(set.transports, id);
    for (const [key, offers] of plugin.offers) this.#addOffers(id, key, offers);
    this.#services.adopt(set.#services, plugin);
  }

  #apply(loaded: LoadedPlugin, hooks: HookSet): AppliedPlugin {
    const { definition, options } = loaded;
    const plugin = new AppliedPlugin(loaded, this);
    const { id } = plugin;
    plugin.gone.signal.addEventListener("abort", () => this.#around.failures.gone(id), { once: true });
    const host = this.#hostOf(plugin, hooks);
    plugin.taps = hooks.apply(loaded.owner, () => {
      let returned: unknown;
      try {
        returned = (definition.apply as (host: PluginHost, options: unknown) => unknown)(host, options);
      } catch (error) {
        plugin.gone.abort(); // what it began to listen to or to wait for
        const missing = plugin.missing(this.#keys);
        if (error instanceof ConfigError) throw new ConfigError([...missing, ...error.problems]);
        // It may have stumbled over what is not there.
        if (missing.length > 0) throw new ConfigError(missing);
        throw new ConfigError([notApplied(id, error)]);
      }
      if (returned instanceof Promise) {
        plugin.gone.abort();
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
    const [{ id }, { signal }] = [plugin, plugin.gone];
    const { folder, isBrief, catalog, permits, renew, listeners, failures, clock, random, tracer } = this.#around;
    const log = listeners.of(id, signal);
    /** What is looked at while it is applied decides whether a reload concerns the plugin. */
    const look = (part: string): void => {
      if (plugin.set.#applying) plugin.looked.add(part);
    };
    return Object.freeze({
      id,
      hooks: hooks.hooks,
      log,
      isBrief,
      clock: clockOf({
        clock,
        signal,
        failed: (error) => failures.tell("work of a plugin that waited for its time failed", { plugin: id }, error),
      }),
      random,
      folder,
      catalog,
      permits,
      // The two forms of an offer give the same object, with the updates of either.
      offer: ((offering: Offering | ((caller: Caller) => Offering)) =>
        plugin.set.#inApply(id, "offer", "update() what it returns").#offer(plugin, id, offering)) as PluginHost["offer"],
      group: (name: string) => void plugin.set.#inApply(id, "group", "servers have their names").#offer(plugin, name, {}),
      signal,
      tapTimeout: plugin.loaded.owner.timeout,
      trace: (listener: TraceListener, options?: TraceOptions) => tracer.listen(listener, options, signal, log),
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
      operator: operatorOf(id, this.#around, () => plugin.set.operations),
      reload: Object.freeze({
        dependsOn: (file: string) => void plugin.files.set(file, contentMark(file)),
        expectUpstreams(...expected: ExpectedUpstream[]) {
          plugin.expected.push(...expected);
          if (!plugin.set.#applying) plugin.set.#checkExpected(plugin);
        },
      }),
      endpoint: (name: string) => plugin.set.#inApply(id, "endpoint", "clients come in by what there is at the start").edge.open(id, name),
      keepHeaders: (...names: string[]) => plugin.set.#inApply(id, "keepHeaders", "requests are under way").edge.keep(id, names),
      principal: principalOf,
      isolate(upstream: string, isolation: Isolation) {
        plugin.set.#inApply(id, "isolate", "connections are made as they were");
        const keys = plugin.set.#keys;
        if (!keys.includes(upstream))
          throw new ConfigError([`plugin "${id}": no upstream is called "${upstream}"${nearest(upstream, keys)}`]);
        plugin.isolated.push([upstream, isolation]);
        plugin.set.#isolate(upstream, isolation);
      },
      renew,
      store: (name: string) => new PluginStore({ name, find: () => plugin.set.#store(plugin, name), signal, plugin: id, failures }),
      provide: <T>(service: Service<T>, value: T) => plugin.set.#services.provide(plugin, service, value),
      use: <T>(service: Service<T>) => plugin.set.#services.use(plugin, service),
      find: <T>(service: Service<T>) => plugin.set.#services.find(plugin, service),
    } satisfies PluginHost);
  }

  /** @param key the upstream that it is offered as */
  #offer(plugin: AppliedPlugin, key: string, offering: Offering | ((caller: Caller) => Offering)): Offers {
    const { id } = plugin;
    if (plugin.offers.has(key)) throw new ConfigError([offeredTwice(id, key)]);
    const offers = new Offers(plugin.loaded.owner, this.#around, offering);
    this.#addOffers(id, key, offers);
    plugin.offers.set(key, offers);
    return offers;
  }

  #addOffers(plugin: string, key: string, { config }: Offers): void {
    if (this.#upstreamConfigs.has(key)) throw new ConfigError([nameTaken(plugin, key)]);
    this.#upstreamConfigs.set(key, config);
    this.upstreams = [...this.upstreams, factsOf(key, config)];
  }

  /** @throws ConfigError where a plugin was applied already @param why it is too late */
  #inApply(plugin: string, called: string, why: string): this {
    if (!this.#applying) throw new ConfigError([`plugin "${plugin}" calls ${called} too late: ${why}; call it in apply`]);
    return this;
  }

  #isolate(upstream: string, wanted: Isolation): void {
    this.upstreams = this.upstreams.map((facts) =>
      facts.key === upstream ? { ...facts, isolation: strictest(facts.isolation, wanted) } : facts,
    );
  }

  /** One store for all who ask for the name: in memory, or what a plugin provides. Undefined while one may still come. */
  #store(plugin: AppliedPlugin, name: string): Store | undefined {
    if (this.#applying) return undefined;
    const provided = this.#services.find(plugin, STORE);
    return (this.providerOf(STORE.key)?.stores ?? this.#around.stores).of(name, provided);
  }
}
