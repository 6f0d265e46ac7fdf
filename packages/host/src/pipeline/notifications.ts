import { HostError } from "../errors.ts";
import type { Caller } from "../exchange/caller.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Logger } from "../log.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { Connection } from "../upstream/connection.ts";
import { BoundedMap } from "../wire/bounded-map.ts";
import { isObject, type Json, type Notification, relatedTask, withRelatedTask } from "../wire/message.ts";
import { PeerError } from "../wire/peer-error.ts";
import { severity } from "../wire/versions.ts";
import type { Directory } from "./directory.ts";
import { subscribersOf } from "./subscriptions.ts";
import type { TaskTable } from "./tasks.ts";

/** The error by which a server demands that its client visits URLs first (2025-11-25, client/elicitation). */
const URL_ELICITATION_REQUIRED = -32042;
/** URIs of one caller at one upstream, and elicitation ids of one connection, that are remembered. */
const REMEMBERED = 1_000;

/** A caller as a receiver of notifications. */
export interface Receiver extends Caller {
  /** Sends on the stream of `exchange` while that is open, else on the caller's own. */
  notify(notification: Notification, exchange: HostExchange | undefined): void;
  /** The request that belongs to what came on a wire of its own which does not tell; an error where there are several. */
  attribute?(upstream: string): HostExchange | HostError | undefined;
  /** Owes the client one update of a subscribed resource. */
  updated(uri: string, params: Json): void;
}

/** What a reload replaces. */
export interface Present {
  readonly hooks: SealedHooks;
  readonly directory: Directory;
}

export interface NoticesOptions {
  readonly present: () => Present;
  readonly log: Logger;
  readonly tasks: TaskTable;
  readonly progressPerSecond: number;
  /** A live caller by id. */
  readonly caller: (id: string) => Receiver | undefined;
  /** Upstream notifications that concern a question under way: `notifications/cancelled`. */
  readonly cancelled: (connection: Connection, requestId: unknown, reason: unknown) => void;
}

/** Notifications of upstreams on their way to the clients that they are for; never to another. */
export class Notifications {
  readonly #options: NoticesOptions;
  /** Elicitation ids and the caller that was told them; servers choose ids without knowing of each other. */
  readonly #elicitations = new WeakMap<Connection, Map<string, string>>();
  /** Under which URIs each caller knows what it subscribed to, by upstream and native URI. */
  readonly #subscribed = new WeakMap<object, Map<string, Map<string, string>>>();
  /** Notifications that belonged to nobody, by upstream; shown by `status`. */
  readonly dropped = new Map<string, number>();

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  /** What is done with each progress notification of one call, on the hooks that it began on. */
  progress(exchange: HostExchange, connection: Connection, token: unknown, hooks: SealedHooks): (params: Json) => void {
    const { progressPerSecond } = this.#options;
    let windowStart = 0;
    let count = 0;
    return (params) => {
      const now = performance.now();
      if (now - windowStart > 1_000) {
        windowStart = now;
        count = 0;
      }
      if (++count > progressPerSecond) return;
      const notification = this.#filtered(
        { jsonrpc: "2.0", method: "notifications/progress", params: { ...params, progressToken: token } },
        connection,
        exchange,
        hooks,
      );
      if (!notification) return;
      const shown = withTasks(notification, connection, this.#options.tasks);
      // A task's token is that of its request, which has been answered (2025-11-25, basic/utilities/tasks).
      if (exchange.outcome) this.#options.caller(exchange.caller.id)?.notify(shown, undefined);
      else exchange.sink?.send(shown);
    };
  }

  receive(connection: Connection, incoming: Notification, origin: HostExchange | undefined): void {
    const { present, tasks, cancelled } = this.#options;
    const { hooks } = present();
    if (incoming.method === "notifications/cancelled") return cancelled(connection, incoming.params?.requestId, incoming.params?.reason);
    const filtered = this.#filtered(incoming, connection, origin, hooks);
    // What changed in a list is told once it has been read; a change that a plugin ended is not read.
    if (!filtered || connection.listings.changed(filtered.method)) return;
    const notification = withTasks(filtered, connection, tasks);
    switch (notification.method) {
      case "notifications/resources/updated":
        return this.#updated(connection, notification);
      case "notifications/tasks/status":
        return this.#taskStatus(connection, notification, origin);
      case "notifications/elicitation/complete":
        return this.#elicited(connection, notification, origin);
      case "notifications/message":
        return this.#message(connection, notification, origin, relatedTask(filtered.params));
      default:
        return this.#toOwner(connection, notification, origin, relatedTask(filtered.params));
    }
  }

  /** Remembers under which URI a caller subscribed to what its exchange names: updates come under the same. */
  subscribed({ entry, caller }: Pick<HostExchange, "entry" | "caller">): void {
    if (!entry) return;
    let own = this.#subscribed.get(caller);
    if (!own) this.#subscribed.set(caller, (own = new Map()));
    let uris = own.get(entry.upstream);
    if (!uris) own.set(entry.upstream, (uris = new BoundedMap(REMEMBERED)));
    uris.set(entry.native, entry.name);
  }

  /** Remembers whom an elicitation id was told, so that its completion finds the way. */
  elicitation(connection: Connection, id: unknown, caller: string): void {
    if (typeof id !== "string") return;
    let told = this.#elicitations.get(connection);
    if (!told) this.#elicitations.set(connection, (told = new BoundedMap(REMEMBERED)));
    told.set(id, caller);
  }

  /** Remembers the ids of an error -32042, which tells them without asking. */
  refused(connection: Connection, error: unknown, caller: string): void {
    if (!(error instanceof PeerError) || error.rpc.code !== URL_ELICITATION_REQUIRED || !isObject(error.rpc.data)) return;
    const { elicitations } = error.rpc.data;
    if (!Array.isArray(elicitations)) return;
    for (const each of elicitations) if (isObject(each)) this.elicitation(connection, each.elicitationId, caller);
  }

  #filtered(
    notification: Notification,
    connection: Connection,
    exchange: HostExchange | undefined,
    hooks: SealedHooks,
  ): Notification | undefined {
    const { notify } = hooks;
    if (!notify) return notification;
    const origin = { upstream: connection.facts.key, exchange };
    const { trace } = exchange ?? {};
    try {
      return (trace ? trace.during("notify", () => notify(notification, origin)) : notify(notification, origin)) ?? undefined;
    } catch {
      return undefined; // closed: the plugin may have been redacting; the guard has logged it
    }
  }

  #updated(connection: Connection, notification: Notification): void {
    const { uri } = notification.params ?? {};
    if (typeof uri !== "string") return this.#drop(connection);
    const { catalog } = this.#options.present().directory;
    for (const id of subscribersOf(connection, uri)) {
      const caller = this.#options.caller(id);
      if (!caller) continue;
      const upstream = connection.facts.key;
      const exposed = connection.users.has(id) ? (this.#exposedUri(caller, upstream, uri) ?? uri) : uri;
      if (catalog.permits({ kind: "resource", name: exposed, upstream, native: uri, definition: {} }, caller))
        caller.updated(exposed, { ...notification.params, uri: exposed });
    }
  }

  #exposedUri(caller: Receiver, upstream: string, uri: string): string | undefined {
    // The longest that it begins with: a server may tell of a part of what was subscribed.
    let whole: [native: string, exposed: string] | undefined;
    for (const each of this.#subscribed.get(caller)?.get(upstream) ?? [])
      if (uri.startsWith(each[0]) && each[0].length > (whole?.[0].length ?? -1)) whole = each;
    if (whole) return whole[1] + uri.slice(whole[0].length);
    return this.#options.present().directory.offer(caller).exposedUris(upstream)?.get(uri);
  }

  #taskStatus(connection: Connection, notification: Notification, origin: HostExchange | undefined): void {
    const { tasks, caller } = this.#options;
    const native = notification.params?.taskId;
    const task = typeof native === "string" ? tasks.byNative(connection, native) : undefined;
    if (!task) return this.#drop(connection);
    tasks.observe(connection, notification.params ?? {});
    for (const told of task.watchers ?? []) told(notification.params ?? {});
    if (!task.isModern)
      caller(task.caller.id)?.notify({ ...notification, params: { ...notification.params, taskId: task.exposed } }, origin);
  }

  #elicited(connection: Connection, notification: Notification, origin: HostExchange | undefined): void {
    const id = notification.params?.elicitationId;
    const told = this.#elicitations.get(connection);
    const owner = typeof id === "string" ? told?.get(id) : undefined;
    if (owner === undefined) return this.#drop(connection);
    told?.delete(id as string);
    this.#options.caller(owner)?.notify(notification, origin?.caller.id === owner ? origin : undefined);
  }

  #message(connection: Connection, notification: Notification, origin: HostExchange | undefined, taskId: string | undefined): void {
    const owner = this.#owner(connection, origin, taskId);
    if (!owner) return this.#drop(connection);
    // What nobody asked for is filtered only where somebody else's level made the server chatty.
    const wanted = owner.client.logLevel ?? (connection.restored.level === undefined ? undefined : "info");
    const level = severity(notification.params?.level);
    if (wanted !== undefined && level !== -1 && level < severity(wanted)) return;
    const logger = notification.params?.logger;
    const named =
      this.#options.present().directory.sole?.key === connection.facts.key
        ? notification
        : {
            ...notification,
            params: {
              ...notification.params,
              logger: typeof logger === "string" ? `${connection.facts.key}/${logger}` : connection.facts.key,
            },
          };
    owner.notify(named, origin ?? onlyCall(owner, connection));
  }

  #toOwner(connection: Connection, notification: Notification, origin: HostExchange | undefined, taskId: string | undefined): void {
    const owner = this.#owner(connection, origin, taskId);
    if (owner) owner.notify(notification, origin);
    else this.#drop(connection);
  }

  /** The session that a message is for: by the stream it came on, by its task, or because the connection has one owner. Never a guess. */
  #owner(connection: Connection, origin: HostExchange | undefined, taskId: string | undefined): Receiver | undefined {
    const { caller, tasks } = this.#options;
    if (origin) return caller(origin.caller.id);
    const task = taskId === undefined ? undefined : tasks.byNative(connection, taskId);
    if (task) return caller(task.caller.id);
    return connection.owner && caller(connection.owner.id);
  }

  #drop(connection: Connection): void {
    const { key } = connection.facts;
    this.dropped.set(key, (this.dropped.get(key) ?? 0) + 1);
  }
}

function withTasks(notification: Notification, connection: Connection, tasks: TaskTable): Notification {
  const params = withRelatedTask(notification.params, (id) => tasks.byNative(connection, id)?.exposed ?? id);
  return params === notification.params || params === undefined ? notification : { ...notification, params };
}

/** The call that a log line belongs to which came without one on a wire of its owner's, where there is no other. */
function onlyCall(owner: Receiver, { owner: whose, facts }: Connection): HostExchange | undefined {
  const call = whose?.id === owner.id ? owner.attribute?.(facts.key) : undefined;
  return call instanceof HostError ? undefined : call;
}
