import { CACHE_TTL, type ResolvedConfig } from "../config/schema.ts";
import type { Caller } from "../exchange/caller.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Tracer } from "../exchange/tracer.ts";
import type { Logger } from "../log.ts";
import { Catalog } from "../pipeline/catalog.ts";
import { Directory } from "../pipeline/directory.ts";
import type { CatalogStore } from "../pipeline/last-known.ts";
import { NameRegistry } from "../pipeline/name-registry.ts";
import { Notifications } from "../pipeline/notifications.ts";
import { Pipeline } from "../pipeline/pipeline.ts";
import { ServerRequests } from "../pipeline/server-requests.ts";
import { TaskBridge } from "../pipeline/task-bridge.ts";
import { TaskTable } from "../pipeline/tasks.ts";
import { UriOwners } from "../pipeline/uri-owners.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { PluginSet } from "../plugin/plugin-set.ts";
import { Announcer } from "../session/announcer.ts";
import { createAnswers } from "../session/answers.ts";
import type { Requesters } from "../session/requesters.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Json } from "../wire/message.ts";

/** What a host puts together from one config; a reload puts another in its place. */
export interface Assembly {
  readonly config: ResolvedConfig;
  readonly plugins: PluginSet;
  readonly hooks: SealedHooks;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly directory: Directory;
  readonly announcer: Announcer;
  readonly pipeline: Pipeline;
}

/** What outlives a reload: the names that were given, tasks, what is under way between upstreams and clients. */
export interface Lasting {
  readonly names: NameRegistry;
  readonly tasks: TaskTable;
  readonly taskBridge: TaskBridge;
  readonly uriOwners: UriOwners;
  readonly notifications: Notifications;
  readonly serverRequests: ServerRequests;
  readonly tracer: Tracer;
  /** Told of an exchange that is over and is no client's own request. */
  readonly settled: (exchange: HostExchange) => void;
  /** Carries an exchange on what serves then, for what outlives a reload. */
  readonly run: (exchange: HostExchange) => Promise<Json>;
}

export function makeLasting(options: {
  limits: ResolvedConfig["limits"];
  log: Logger;
  requesters: Requesters;
  settled: (exchange: HostExchange) => void;
  tracer: Tracer;
  /** The assembly that serves. */
  present: () => Assembly;
}): Lasting {
  const { limits, log, requesters, settled, tracer, present } = options;
  const caller = (id: string) => requesters.get(id);
  const tasks = new TaskTable(limits.tasks, (entry, caller) => present().directory.catalog.permits(entry, caller));
  const cancelled: ConstructorParameters<typeof Notifications>[0]["cancelled"] = (connection, id, reason) =>
    serverRequests.cancelled(connection, id, reason);
  const notifications = new Notifications({ present, log, tasks, progressPerSecond: limits.progressPerSecond, caller, cancelled });
  const serverRequests = new ServerRequests({ hooks: () => present().hooks, tasks, notifications, limits, caller, settled, tracer });
  const names = new NameRegistry();
  const run = (exchange: HostExchange): Promise<Json> => present().pipeline.run(exchange);
  const uriOwners = new UriOwners(limits.seenUris, limits.uriLength);
  const taskBridge = new TaskBridge({ tasks, serverRequests, run, settled });
  return { names, tasks, taskBridge, uriOwners, notifications, serverRequests, tracer, settled, run };
}

/** Connects hooks, catalog and pipeline with each other and with what lasts. */
export function assemble(options: {
  config: ResolvedConfig;
  plugins: PluginSet;
  upstreams: ReadonlyMap<string, Upstream>;
  log: Logger;
  requesters: Requesters;
  hostInfo: Json;
  lasting: Lasting;
  store: CatalogStore | undefined;
}): Assembly {
  const { config, plugins, upstreams, log, requesters, hostInfo, lasting } = options;
  const store = config.catalog.file ? options.store : undefined;
  const { hooks } = plugins;
  const changed = (whose: string | Caller | undefined): void => announcer.permissionsChanged(whose);
  const catalog = new Catalog({ hooks, log, names: lasting.names, limit: config.limits.entries, upstreams, changed });
  const directory = new Directory(catalog, upstreams, { wait: config.wait, ttl: config.listen?.cache.ttl ?? CACHE_TTL, store });
  const announcer = new Announcer(directory, () => requesters);
  const answers = createAnswers(directory, hostInfo, (id) => requesters.get(id), announcer, {
    run: lasting.run,
    settled: lasting.settled,
    watch: (...watched) => lasting.taskBridge.watch(...watched),
    most: config.limits.listeners,
  });
  const pipeline = new Pipeline({ hooks, directory, ...lasting, answers, limits: config.limits });
  return { config, plugins, hooks, upstreams, directory, announcer, pipeline };
}
