import { HostError } from "../errors.ts";
import type { Entry } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { laidTo } from "../plugin/tap-guard.ts";
import { takesTasks } from "../upstream/capabilities.ts";
import type { Connection } from "../upstream/connection.ts";
import type { Limits } from "../wire/limits.ts";
import { isObject, type Json } from "../wire/message.ts";
import { TASKS } from "../wire/tasks.ts";
import { isModern } from "../wire/versions.ts";
import type { Offer } from "./catalog.ts";
import type { Directory } from "./directory.ts";
import type { Task, TaskTable } from "./tasks.ts";
import type { UriOwners } from "./uri-owners.ts";

/** What a request names, and how its params are written for the upstream that gets it. */
export interface Target {
  readonly entry: Entry;
  /** What `permit` is asked besides: the template that a URI comes from. */
  readonly template?: Entry;
  /** What `permit` is asked besides: the entry that is really called, where a route leads to another than the named one. */
  readonly called?: Entry;
  /** The connection that the request must go to, where only one knows what it speaks of. */
  readonly connection?: Connection;
  /** Params with native names. `native` differs from the entry's when a route says so. */
  write(params: Readonly<Json>, native: string): Json;
  /** How hidden and unknown entries are refused, in the same words. */
  unknown(): HostError;
}

/** A name that nobody is known to have, though somebody may who is still starting. */
export interface Unfound extends Pick<Target, "unknown"> {
  readonly entry?: undefined;
}

/** What may stand before the name or URI that an upstream lists. */
const PREFIX = 256;

/** What an exchange is aimed at, once it was looked up. */
export function targetOf({ target }: HostExchange): Target | undefined {
  return target as Target | undefined; // to everybody else it is opaque; only the pipeline sets it
}

/** Looks up what requests name. Every unknown name is refused in the words that a hidden one is refused in. */
export class Targets {
  readonly #directory: Directory;
  readonly #tasks: TaskTable;
  readonly #uriOwners: UriOwners;
  readonly #limits: Pick<Limits, "nameLength" | "uriLength">;

  constructor(directory: Directory, tasks: TaskTable, uriOwners: UriOwners, limits: Pick<Limits, "nameLength" | "uriLength">) {
    this.#directory = directory;
    this.#tasks = tasks;
    this.#uriOwners = uriOwners;
    this.#limits = limits;
  }

  /** Gives the target, or that there is none yet; an error for what will never have one. */
  find(exchange: HostExchange, offer: Offer): Target | Unfound | HostError {
    const { method, original: params } = exchange;
    switch (method) {
      case "tools/call":
        return this.#named("tool", params, offer);
      case "prompts/get":
        return this.#named("prompt", params, offer);
      case "resources/read":
      case "resources/subscribe":
      case "resources/unsubscribe":
        return this.#resource(exchange, offer);
      case "completion/complete":
        return this.#reference(params, offer);
      case "tasks/get":
      case "tasks/result":
      case "tasks/cancel":
      case "tasks/update":
        return this.#task(exchange);
      default:
        return this.#vendor(method);
    }
  }

  /** Whether what is named is offered, or comes from a template that is; not where a URI is only given to whoever has resources at all. */
  isListed(exchange: HostExchange, offer: Offer): boolean {
    const found = this.find(exchange, offer);
    if (found instanceof HostError) return true;
    return found.entry !== undefined && (found.template !== undefined || offer.entries.includes(found.entry));
  }

  #named(kind: "tool" | "prompt", params: Readonly<Json>, offer: Offer): Target | Unfound | HostError {
    const { name } = params;
    if (typeof name !== "string") return new HostError("invalid_params", `params.name must be the name of a ${kind}`);
    const long = this.#tooLong("params.name", name, "nameLength");
    if (long) return long;
    const unknown = (): HostError => new HostError("invalid_params", `Unknown ${kind}: ${name.slice(0, 128)}`);
    const entry = offer.find(kind, name);
    if (!entry) return { unknown };
    return { entry, unknown, write: (sent, native) => (sent.name === native ? (sent as Json) : { ...sent, name: native }) };
  }

  #resource(exchange: HostExchange, offer: Offer): Target | Unfound | HostError {
    const { uri } = exchange.original;
    if (typeof uri !== "string") return new HostError("invalid_params", "params.uri must be a resource URI");
    const long = this.#tooLong("params.uri", uri, "uriLength");
    if (long) return long;
    const unknown = (): HostError => new HostError("resource_not_found", `Resource not found: ${uri.slice(0, 256)}`, { facts: { uri } });
    const write = (sent: Readonly<Json>, native: string): Json => (sent.uri === native ? (sent as Json) : { ...sent, uri: native });
    const template = offer.template(uri);
    const exact = offer.find("resource", uri);
    if (exact) return { entry: exact, ...(template?.upstream === exact.upstream && { template }), unknown, write };
    const unlisted = (upstream: string, native: string): Entry => ({ kind: "resource", name: uri, upstream, native, definition: {} });
    const seen = this.#uriOwners.owner(exchange.caller, uri);
    if (seen !== undefined) return { entry: unlisted(seen, uri), ...(template?.upstream === seen && { template }), unknown, write };
    if (template) {
      const prefixed = template.name !== template.native;
      return { entry: unlisted(template.upstream, prefixed ? uri.slice(template.upstream.length + 1) : uri), template, unknown, write };
    }
    const owners = [...this.#directory.upstreams.values()].filter(
      ({ server, facts }) => server?.capabilities.resources !== undefined && facts.wire !== "plugin", // which lists all that it has
    );
    return owners.length === 1 && owners[0] ? { entry: unlisted(owners[0].key, uri), unknown, write } : { unknown };
  }

  #reference(params: Readonly<Json>, offer: Offer): Target | Unfound | HostError {
    const ref = params.ref;
    if (!isObject(ref)) return new HostError("invalid_params", "params.ref must be a prompt or resource reference");
    const [field, name] = ref.type === "ref/prompt" ? (["name", ref.name] as const) : (["uri", ref.uri] as const);
    if (typeof name !== "string") return new HostError("invalid_params", `params.ref.${field} must be a string`);
    const long = this.#tooLong(`params.ref.${field}`, name, field === "name" ? "nameLength" : "uriLength");
    if (long) return long;
    const entry =
      field === "name"
        ? offer.find("prompt", name)
        : (offer.find("template", name) ?? offer.find("resource", name) ?? offer.template(name));
    const unknown = (): HostError =>
      new HostError(
        "invalid_params",
        field === "name" ? `Unknown prompt: ${name.slice(0, 128)}` : `Unknown resource: ${name.slice(0, 256)}`,
      );
    if (!entry) return { unknown };
    return {
      entry,
      unknown,
      write: (sent, native) => (name === native ? (sent as Json) : { ...sent, ref: { ...(sent.ref as Json), [field]: native } }),
    };
  }

  #task(exchange: HostExchange): Target | HostError {
    const { taskId } = exchange.original;
    if (typeof taskId !== "string") return new HostError("invalid_params", "params.taskId must be the id of a task");
    if (isModern(exchange.client.version) && !takesTasks(exchange.caller)) return undeclaredTasks();
    const unknown = (): HostError => new HostError("invalid_params", `Unknown task: ${taskId.slice(0, 128)}`);
    const task = this.#tasks.find(exchange, taskId);
    if (!task) return unknown();
    const { entry } = task;
    const { key } = task.connection.facts;
    return {
      entry,
      ...(key !== entry.upstream && { called: this.#directory.reached(entry, key, entry.native) }),
      connection: this.#connectionOf(task, exchange),
      unknown,
      write: (sent) => ({ ...sent, taskId: task.native }),
    };
  }

  /** A server of the modern era may be asked over any connection that is as good for the caller; others know their tasks by theirs. */
  #connectionOf({ connection }: Task, { caller }: HostExchange): Connection {
    const isGone = connection.state === "draining" || connection.state === "stopped";
    const other = isGone && connection.server?.era === "modern" ? this.#directory.upstreams.get(connection.facts.key) : undefined;
    return other?.connectionFor(caller) ?? connection;
  }

  #vendor(method: string): Target | HostError {
    const unknown = (): HostError => new HostError("method_not_found", `Method not found: ${method.slice(0, 128)}`);
    const long = this.#tooLong("method", method, "nameLength");
    if (long) return long;
    const owner = this.#directory.sole;
    if (!owner) return unknown();
    return {
      entry: { kind: "method", name: method, upstream: owner.key, native: method, definition: {} },
      unknown,
      write: (sent) => sent as Json,
    };
  }

  /** What is too long to be looked up and compared with globs and templates. */
  #tooLong(what: string, { length }: string, limit: "nameLength" | "uriLength"): HostError | undefined {
    const most = this.#limits[limit] + PREFIX;
    if (length <= most) return undefined;
    return new HostError("payload_too_large", `${what} has ${length} characters; at most ${most} are taken (limits.${limit})`);
  }
}

/** Tasks are only for clients that said, with this request, that they take them. */
export function undeclaredTasks(): HostError {
  const [name] = Object.keys(TASKS.extensions);
  return new HostError("capability_required", `the request did not declare the capability extensions["${name}"]`, {
    facts: { requiredCapabilities: TASKS },
  });
}

/** What a request names may have been an upstream's that a reload took out of the config. */
export function nowhere(upstream: string, { entry, connection }: Target, { decisions }: HostExchange): HostError {
  const by = decisions.findLast(({ did }) => did === "routed");
  if (!by || entry.upstream === upstream || connection?.facts.key === upstream)
    return new HostError("upstream_down", `upstream "${upstream}" is not configured any more; nothing was sent`, { upstream });
  const { plugin } = by;
  return laidTo(
    new HostError("plugin_failure", `plugin "${plugin}" routed to upstream "${upstream}", which is not configured`, { plugin }),
    by,
  );
}

/** An entry that may be called, but not so. */
export function notAllowed({ kind, name }: Entry): HostError {
  return new HostError("forbidden", `${kind} "${name}" is not allowed with these arguments`);
}
