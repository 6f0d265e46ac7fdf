import type { AnyUpstreamConfig } from "../config/offered.ts";
import type { ResolvedConfig } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { Tracer } from "../exchange/tracer.ts";
import type { Logger } from "../log.ts";
import type { CatalogStore } from "../pipeline/last-known.ts";
import { endInTurn, endTogether } from "../plugin/closing.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { OperatedEvent } from "../plugin/hook-types.ts";
import { loadPlugins } from "../plugin/load.ts";
import { Operations } from "../plugin/operations.ts";
import { PluginSet } from "../plugin/plugin-set.ts";
import { Stores } from "../plugin/stores.ts";
import type { Surroundings } from "../plugin/surroundings.ts";
import type { Requesters } from "../session/requesters.ts";
import type { Connection } from "../upstream/connection.ts";
import { Upstream } from "../upstream/upstream.ts";
import type { Json } from "../wire/message.ts";
import { type Assembly, assemble, type Lasting, makeLasting } from "./assembly.ts";
import { Draining } from "./draining.ts";
import { changesOf, checkReloadable, endGone, nextUpstreams, type ReloadReport, warmUp } from "./reload.ts";
import { isIdle } from "./status.ts";

export interface GenerationsOptions {
  readonly folder: string;
  readonly log: Logger;
  readonly requesters: Requesters;
  readonly hostInfo: Json;
  /** What plugins are given, besides what the generations know themselves. */
  readonly surroundings: Omit<Surroundings, "folder" | "catalog" | "permits" | "tracer" | "stores">;
  /** Where what servers list is kept for the next host. */
  readonly store: CatalogStore | undefined;
  readonly settled: (exchange: HostExchange) => void;
  /** What else has to be right for hooks to be used with this config. @throws ConfigError */
  readonly check: (config: ResolvedConfig, hooks: SealedHooks) => void;
  /** Gets ready to use these hooks at the edge; gives what puts them to use. */
  readonly mount: (hooks: SealedHooks) => Promise<() => void>;
}

/** The assemblies of one host: the one that serves, the next while a reload prepares it, and those of which calls are under way. */
export class Generations {
  /** Who listens goes on listening through all reloads. */
  readonly tracer: Tracer;
  readonly #options: GenerationsOptions;
  readonly #around: Surroundings;
  #lasting: Lasting | undefined;
  #serving: Assembly | undefined;
  #next: Assembly | undefined;
  #draining: Draining[] = [];
  /** What ends of assemblies that nobody needs any more, such as plugins that save what they hold. */
  readonly #ends = new Set<Promise<unknown>>();
  #reloading: Promise<unknown> = Promise.resolve();
  #ending = false;

  constructor(options: GenerationsOptions) {
    this.#options = options;
    const { folder, surroundings } = options;
    const catalog: Surroundings["catalog"] = {
      entries: () => this.catalog?.entries() ?? [],
      visible: (caller) => this.#serving?.directory.visible(caller) ?? [],
      invalidate: (whose) => this.catalog?.invalidate(whose),
    };
    const permits: Surroundings["permits"] = (entry, caller) => this.catalog?.permits(entry, caller) ?? false;
    this.tracer = new Tracer(surroundings.listeners.log);
    this.#around = { ...surroundings, folder, catalog, permits, tracer: this.tracer, stores: new Stores(surroundings.clock) };
  }

  /** The one that serves. @throws Error before there is one */
  get serving(): Assembly {
    if (!this.#serving) throw new Error("the host is not started");
    return this.#serving;
  }

  get isThere(): boolean {
    return this.#serving !== undefined;
  }

  get upstreams(): ReadonlyMap<string, Upstream> {
    return this.#serving?.upstreams ?? new Map();
  }

  /** Those that are connected without anybody calling. */
  eager(): Upstream[] {
    return [...this.upstreams.values()].filter(({ config }) => config.start === "eager");
  }

  get catalog(): Assembly["directory"]["catalog"] | undefined {
    return this.#serving?.directory.catalog;
  }

  /** What the plugins that serve offer to operators; nothing before there are any. */
  get operations(): Operations {
    return this.#serving?.plugins.operations ?? new Operations();
  }

  /** Tells the plugins that serve what an operator had done. */
  operated(event: OperatedEvent): void {
    this.#serving?.hooks.operated?.(event);
  }

  get serverRequests(): Lasting["serverRequests"] {
    return (this.#lasting as Lasting).serverRequests; // made with the first
  }

  get notifications(): Lasting["notifications"] {
    return (this.#lasting as Lasting).notifications; // as above
  }

  /** Loads and applies the plugins of a host that starts. Nothing runs yet. */
  async first(config: ResolvedConfig): Promise<Assembly> {
    const { log, requesters, settled } = this.#options;
    this.#lasting = makeLasting({ limits: config.limits, log, requesters, settled, tracer: this.tracer, present: () => this.serving });
    this.#serving = await this.#assemble(config, undefined);
    return this.#serving;
  }

  /** Puts another config in the place of the one that serves, one reload after the other. Rejects, and changes nothing, where that cannot be. */
  replace(config: ResolvedConfig): Promise<ReloadReport> {
    const reloading = this.#reloading.then(() => this.#replace(config));
    this.#reloading = reloading.catch(() => {}); // whoever asked is told
    return reloading;
  }

  async #replace(config: ResolvedConfig): Promise<ReloadReport> {
    if (this.#ending) throw new ConfigError(["the host is stopping"]); // while this one waited its turn
    const before = this.serving;
    checkReloadable(before.config, config);
    const next = await this.#assemble(config, before);
    const fresh = next.plugins.fresh;
    let mounted: () => void;
    try {
      for (const plugin of fresh) await plugin.run("ready");
      this.#next = next;
      mounted = await this.#options.mount(next.hooks);
      await warmUp(next, before, this.#options.requesters);
      if (this.#ending) throw new ConfigError(["the host is stopping"]);
    } catch (error) {
      await Promise.all([
        endTogether(fresh),
        ...[...next.upstreams.values()].map((upstream) => before.upstreams.get(upstream.key) !== upstream && upstream.stop(0)),
      ]);
      throw error;
    } finally {
      this.#next = undefined;
    }
    // From here on nothing waits and nothing fails: every request finds the one or the other.
    const report = changesOf(before, next);
    before.announcer.stop();
    this.#lasting?.names.keep(next.upstreams);
    next.plugins.take();
    this.#serving = next;
    mounted();
    endGone(next, this.#options.requesters);
    for (const [key, { facts }] of before.upstreams)
      if (next.upstreams.get(key)?.facts !== facts) next.hooks.upstream?.({ ...facts, state: "removed", reason: undefined });
    next.announcer.listed();
    this.#draining.push(new Draining(before, next, this.#draining, () => this.#underWay(), this.#ends));
    this.#look();
    return report;
  }

  async #assemble(config: ResolvedConfig, before: Assembly | undefined): Promise<Assembly> {
    const { log, requesters, hostInfo, folder, check, store } = this.#options;
    const loaded = await loadPlugins(config.plugins, folder);
    const plugins = PluginSet.apply(loaded, config, this.#around, before?.plugins);
    try {
      check(config, plugins.hooks);
    } catch (error) {
      void endTogether(plugins.fresh);
      throw error;
    }
    const upstreams = nextUpstreams(plugins, before, (key, isolation) => this.#makeUpstream(key, isolation, plugins));
    await Promise.all([...upstreams.values()].map((upstream) => before?.upstreams.get(upstream.key) !== upstream && upstream.recall()));
    plugins.upstreams = [...upstreams.values()].map(({ facts }) => facts);
    for (const plugin of plugins.fresh)
      if (isIdle(plugin, plugins)) log.warn("a plugin taps no hook and so does nothing", { plugin: plugin.id });
    const lasting = this.#lasting as Lasting; // made before the first
    return assemble({ config, plugins, upstreams, log, requesters, hostInfo, lasting, store });
  }

  #makeUpstream(key: string, isolation: Upstream["facts"]["isolation"], plugins: PluginSet): Upstream {
    const { folder, log, hostInfo, store, surroundings } = this.#options;
    const { limits, listen, catalog } = plugins.config;
    const { transports } = plugins;
    const config = plugins.upstreamConfigs.get(key) as AnyUpstreamConfig; // its own key
    const upstream: Upstream = new Upstream(
      {
        key,
        config,
        isolation,
        folder,
        limits,
        log,
        hostInfo,
        prefers: listen && !listen.protocols.includes("modern") ? "legacy" : "modern",
        now: () => surroundings.clock.now(),
        verdicts: catalog.file ? store : undefined,
        credentials: () => this.#of(upstream).hooks.credentials,
        openTransport: (principal) => transports.open(key, principal),
      },
      {
        request: (connection, request, origin) => this.serverRequests.receive(connection, request, origin),
        notification: (connection, notification, origin) => this.notifications.receive(connection, notification, origin),
        listed: (connection) => this.#listed(connection),
        state: (connection) => this.#stateChanged(upstream, connection),
      },
    );
    return upstream;
  }

  /** The assembly that an upstream belongs to: before it serves, to the next. */
  #of(upstream: Upstream): Assembly {
    return this.#next && this.#serving?.upstreams.get(upstream.key) !== upstream ? this.#next : this.serving;
  }

  async #listed(connection: Connection): Promise<void> {
    await this.#next?.directory.listed(connection);
    const { directory, announcer } = this.serving;
    await directory.listed(connection);
    announcer.listed();
    // What single clients' servers list, their clients' offers tell of.
    if (connection.facts.isolation === "shared") directory.catalog.tellWithheld();
  }

  #stateChanged(upstream: Upstream, { state, reason, facts, key }: Connection): void {
    this.#options.log.debug("an upstream changed its state", { upstream: facts.key, connection: key, state, reason });
    // What was replaced goes without a word: that it went was told.
    if (this.#serving && this.#of(upstream).upstreams.get(facts.key) === upstream)
      this.#of(upstream).hooks.upstream?.({ ...facts, state, reason });
  }

  *#underWay(): Iterable<HostExchange> {
    // A subscription lives on: what it is told comes from whatever serves.
    for (const requester of this.#options.requesters)
      for (const exchange of requester.exchanges()) if (exchange.method !== "subscriptions/listen") yield exchange;
  }

  /** An exchange is over: perhaps it was the last that something was waiting for. */
  exchangeOver(): void {
    if (this.#draining.length > 0) this.#look();
  }

  #look(): void {
    this.#draining = this.#draining.filter((old) => {
      if (!old.look()) return true;
      const end = old.end();
      this.#ends.add(end);
      const over = (): boolean => this.#ends.delete(end);
      end.then(over, over);
      return false;
    });
  }

  /** Ends every upstream; no reload comes after this. */
  async stop(): Promise<void> {
    this.#ending = true;
    await this.#reloading;
    const upstreams = [...(this.#serving?.upstreams.values() ?? [])];
    await Promise.all([...this.#ends, ...this.#draining.map((old) => old.end()), ...upstreams.map((upstream) => upstream.stop(0))]);
  }

  /** Ends the plugins, in the order of the config but for those that others use. */
  async end(): Promise<void> {
    this.#lasting?.tasks.clear();
    await endInTurn(this.#serving?.plugins.plugins ?? []);
  }
}
