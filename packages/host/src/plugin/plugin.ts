import validRange from "semver/ranges/valid.js";
import { z } from "zod";
import { PLUGIN, type PluginValue } from "../config/plugin-brand.ts";
import type { ResolvedConfig } from "../config/schema.ts";
import type { VariableSource } from "../config/variable-source.ts";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Caller, Principal } from "../exchange/caller.ts";
import type { Entry } from "../exchange/entry.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { TraceListener, TraceOptions } from "../exchange/trace.ts";
import type { UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Json } from "../wire/message.ts";
import type { PluginClock } from "./clock.ts";
import type { Hooks } from "./hooks.ts";
import type { PluginLog } from "./log-listeners.ts";
import type { Meter } from "./meter.ts";
import type { Offer } from "./offering.ts";
import type { PluginOperator } from "./plugin-operator.ts";
import type { Random } from "./random.ts";
import type { RouteRequest } from "./request-principals.ts";
import type { Store } from "./store.ts";
import type { TransportRegistry } from "./transport-registry.ts";
import { zodProblem } from "./zod-schema.ts";

/** Options of a plugin that declares none. */
export const NO_OPTIONS = z.strictObject({}).optional();

/** What the host offers now, whoever it is for. */
export interface PluginCatalog {
  entries(): readonly Entry[];
  /**
   * All that `permit` lets this caller use, of every kind, by its exposed names and in their order: what `list` leaves out of its
   * lists, too. Ask while a request or a connection of the caller's is there, and not in `permit`, `list` or `merge`.
   */
  visible(caller: Caller): readonly Entry[];
  /**
   * Announces that `permit` or `list` answers otherwise now: visible lists are compared again.
   * @param whose of a principal, by its id, or of one caller, whose lists are its own from then on; default: of all
   */
  invalidate(whose?: string | Caller): void;
}

/** What a plugin is to a reload. */
export interface PluginReload {
  /** Names a file, absolute, that `apply` is about to read: a reload applies the plugin anew when it holds something else. */
  dependsOn(file: string): void;
  /**
   * Says which upstreams the options name, and where: one that is not configured stops the start with place and nearest
   * name, told together with whatever else `apply` finds wrong. Asked again by each reload, and for itself no reason to
   * apply the plugin anew. @throws ConfigError once `apply` is over
   */
  expectUpstreams(...expected: ExpectedUpstream[]): void;
}

/** What a plugin's `apply` is given. */
export interface PluginHost {
  /**
   * What the plugin is called in this host: its name, unless its entry in the config gives another. So it is called in
   * `decisions`, in the trace and as the upstream of what it offers.
   */
  readonly id: string;
  readonly hooks: Hooks;

  /** What the host runs on. A plugin that looks at a part of it in `apply` is applied anew by a reload that changes it. */
  readonly config: Readonly<ResolvedConfig>;
  /** Where relative paths of the config begin. */
  readonly folder: string;
  /**
   * Whether the host is there for one command and ends with it, as those of `mcp-host list`, `validate --connect` and `doctor` do where they
   * start one: a host of the same config may run beside it, and what only one can have is that one's.
   */
  readonly isBrief: boolean;
  /** Aborted when the host closes, or when a reload takes the plugin out or applies it anew. */
  readonly signal: AbortSignal;
  /** Milliseconds that one of its asynchronous taps may take, as its entry in the config says. */
  readonly tapTimeout: number;

  /** The host's log with the plugin's name on every line; `listen` hears all of it. */
  readonly log: PluginLog;
  /** The time. What waits on it ends with the plugin; a test can turn it. */
  readonly clock: PluginClock;
  /** What cannot be foreseen, unless a test says what it is. */
  readonly random: Random;
  /**
   * A small key-value store, shared by whoever asks for the same name; in memory unless a plugin provides another, wherever in the
   * config that plugin is. What is asked of it in `apply` waits until all plugins are applied.
   */
  store(name: string): Store;
  /** Counters and gauges of the plugin's own, for whoever publishes figures. */
  readonly meter: Meter;
  /**
   * Tells of every exchange that begins from now on: begin and end of its stages and taps, and what they did. Ends with the
   * plugin. Of exchanges that others heard the beginning of, a listener may hear the rest; one that throws is not told any more.
   * @param options which exchanges it is told of; others cost nothing but that question
   * @returns ends it
   */
  trace(listener: TraceListener, options?: TraceOptions): () => void;

  readonly catalog: PluginCatalog;
  /** Whether `permit` lets a caller use an entry: what decides lists and calls, without the arguments of a call. Fails closed; not to be asked in `permit`. */
  permits(entry: Entry, caller: Caller): boolean;
  /**
   * Offers entries of the plugin's own, as an upstream under the plugin's id that needs no server in the config: they pass the whole
   * pipeline. Once, while `apply` runs; from then on by what it returns. @throws ConfigError for what cannot be offered, or too late
   */
  readonly offer: Offer;
  /**
   * Opens an upstream without a server, under whose name `merge` may offer what several upstreams have alike: as entries with
   * {@link Entry.members}, of which `route` leads calls to one. Only while `apply` runs. @throws ConfigError for a name that an upstream has
   */
  group(name: string): void;
  /** The upstreams: those of the config and, once `apply` is over, those of plugins that offer entries. A plugin that looks at them in `apply` is applied anew by a reload that changes them. */
  readonly upstreams: readonly UpstreamFacts[];
  /**
   * Raises the isolation of an upstream, as a plugin must that attaches credentials of single principals; never lowers it.
   * Only while `apply` runs. @throws ConfigError for an upstream that is not configured
   */
  isolate(upstream: string, isolation: "principal" | "session"): void;
  /**
   * Ends the connections of an upstream after their calls in flight and connects anew, since what `credentials` gives has changed:
   * somebody signed in, or out. Calls that come meanwhile wait for it.
   * @param principal the id of the only one that it has changed for: connections that are not that principal's own are left alone
   * @throws HostError with the reason of the first connection that did not come up; Error for an upstream that is not configured
   */
  renew(upstream: string, principal?: string): Promise<void>;
  /** Whether the host would send a request again although it may have run: its method changes nothing, or the upstream's `idempotent` lists the tool. */
  repeatable(exchange: Exchange): boolean;
  /** Transports that the plugin brings: what servers with such a `type` in the config are reached over. */
  readonly transports: TransportRegistry;

  /**
   * Opens an endpoint beside the unnamed one: `/mcp/p/<name>` below `listen.path`, `/ws/p/<name>` and `/sse/p/<name>` where the host
   * has those, `--endpoint <name>` over stdio. `caller.endpoint` tells who came in by it. Only while `apply` runs.
   * @throws ConfigError for a name with other characters than letters, digits, `.`, `_`, `~` and `-`, and for one that another plugin opened
   */
  endpoint(name: string): void;
  /**
   * Says which headers of HTTP requests the plugin reads in `exchange.http` and `refused`, by names of any case. Only while `apply` runs.
   * @throws ConfigError for one that holds credentials
   */
  keepHeaders(...names: string[]): void;
  /**
   * Who makes a request of a route: given Hono's context, or its `c.req.raw`, what `authenticate` and `principal` established. `anonymous`
   * where nobody says who clients are; undefined on a public route.
   */
  principal(request: RouteRequest): Principal | undefined;

  readonly operator: PluginOperator;
  readonly reload: PluginReload;

  /** Offers a service to other plugins; a second provider of one key stops the start. */
  provide<T>(service: Service<T>, value: T): void;
  /** A service that another plugin provides, or an error that names the missing provider. Ask in `ready`, when all have been applied. */
  use<T>(service: Service<T>): T;
  /** The same, or undefined. */
  find<T>(service: Service<T>): T | undefined;
}

/** An upstream that options name. */
export interface ExpectedUpstream {
  /** Its place in the options, as in `options.trust[0]`. */
  readonly place: string;
  /** Its key in `mcpServers`. */
  readonly key: string;
  /** What else may be meant there, said after the rest. */
  readonly hint?: string;
}

/** A typed key for what one plugin offers to others. */
export interface Service<T> {
  readonly key: symbol;
  readonly name: string;
  /** Only a type: what is provided under this key. */
  readonly _type?: T;
}

/** Makes the key of a service; the same name gives the same key, so that two copies of a package meet. */
export function defineService<T>(name: string): Service<T> {
  return { key: Symbol.for(`mcp-host.service.${name}`), name };
}

/** What an author writes. */
export interface PluginDefinition<Schema extends z.ZodType = z.ZodType> {
  /** Unique among the plugins of a config; the package's name without its prefix. */
  name: string;
  /** The plugin's own version, for `inspect`. */
  version?: string;
  /** Semver range of the plugin API (`API_VERSION`). */
  host: string;
  /** What the config may say; default: no options. Use `z.strictObject`, so that a misspelt key is an error. Its checks may be asynchronous. */
  options?: Schema;
  /** Registers taps and returns. Synchronous: work that waits belongs in the `ready` hook. */
  apply(host: PluginHost, options: z.output<Schema>): void;
  /** Puts it before (`pre`) or behind (`post`) all plugins that say nothing, wherever in the config it is. */
  enforce?: "pre" | "post";
  /** Names of plugins without which it makes no sense: one that is missing stops the start. */
  needs?: readonly string[];
  /** Names of plugins that it comes before, wherever in the config they are, if they are there. */
  before?: readonly string[];
  /** The same, behind which it comes. */
  after?: readonly string[];
  /** It decides who may do what: its entry in a config may not say `onError: "skip"`, so that all its taps fail closed. */
  security?: true;
  /**
   * Values that a config may refer to: with `{ secret: ... }`, `${secret:NAME}`; a word is a-z, 0-9 and `-`, and none of the host's own. Called before
   * the plugin is applied, only where a config has such references, and again by each reload; its own options cannot have any. Cheap: work
   * that waits belongs in `find`.
   */
  variables?(options: z.output<Schema>, context: VariableContext): Readonly<Record<string, VariableSource>>;
  /**
   * Looks at what the plugin keeps or needs elsewhere, such as files and keys, for `mcp-host doctor`, within 10 s and without a host.
   * @throws Error in the form "what is wrong; what to do", which is told as a problem
   */
  examine?(options: z.output<Schema>, context: Pick<VariableContext, "folder">): Awaitable<readonly PluginFinding[]>;
  /**
   * The files in which the plugin keeps what a host must have on another machine, too, for `mcp-host backup`, whether they are there yet or not.
   * Not what opens them (a key), and not what only grows (a log).
   */
  keeps?(options: z.output<Schema>, context: Pick<VariableContext, "folder">): readonly KeptFile[];
  /** Lazy command definitions (citty), mounted as `mcp-host <plugin> <command>`; a name may be two words, as `keys add`. citty's `data` is a {@link PluginCommandData}. */
  commands?: Record<string, () => Promise<unknown>>;
  /** Those of its commands, of one word, that are mounted as `mcp-host <command>`, too, or first words of its commands of two; unless the host or another plugin's name has the word. */
  shortcuts?: readonly string[];
}

/** How things stand with something that a plugin keeps or needs. */
export interface PluginFinding {
  /** `warning`: it can be used; `problem`: it cannot. */
  readonly level: "ok" | "warning" | "problem";
  /** Without secrets. */
  readonly found: string;
  readonly remedy?: string;
}

/** A file that a backup has a copy of. */
export interface KeptFile {
  /** In a word or two, such as `API keys`. */
  readonly what: string;
  /** Absolute. */
  readonly path: string;
  /** Writes a whole copy, where one of the bytes would not be whole while a host runs. Default: a copy of the bytes. */
  readonly copy?: (to: string) => Awaitable<void>;
  /** Ends of the names of files that belong to it and are in no backup, such as `-wal`: they are taken away where it is replaced. */
  readonly beside?: readonly string[];
}

/** What a plugin that brings values is told of the config that refers to them. */
export interface VariableContext {
  /** Where relative paths of the config begin. */
  readonly folder: string;
  /** The config's file, absolute. */
  readonly config: string;
}

/** A place of a config that refers to a value of a plugin. */
export interface VariableReference {
  /** What stands before the colon. */
  readonly word: string;
  readonly name: string;
  /** As in `mcpServers.a.env.TOKEN`. */
  readonly place: string;
}

/**
 * Has a plugin's own operations run on the running host of a config or, where none runs, on a host that the command starts, which
 * listens nowhere and ends with the work.
 * @param work is given what runs one operation by its name, within the bounds of `operator.run`, and whether the host was there before
 */
export type Operate = <T>(
  work: (run: (name: string, params?: Readonly<Json>) => Promise<Readonly<Json>>, host: { readonly running: boolean }) => Promise<T>,
) => Promise<T>;

/** What a command of a plugin is told of the config that brings it. */
export interface PluginCommandData {
  /** The plugin's options, parsed. */
  readonly options: unknown;
  /** Where relative paths of the config begin. */
  readonly folder: string;
  /** The config's file, absolute: the `config` of a choice among running hosts. */
  readonly config: string;
  /** Every place where the config refers to a value that a plugin brings. */
  readonly references: readonly VariableReference[];
  readonly operate: Operate;
}

/** A plugin with the options that code gave it; the host parses them, so that code and files get the same errors. */
export interface Plugin extends PluginValue {
  readonly definition: PluginDefinition;
}

/** What {@link definePlugin} returns: call it with options in code, name its module in a file. */
export interface PluginFactory<Schema extends z.ZodType = z.ZodType> {
  (options?: z.input<Schema>): Plugin;
  readonly [PLUGIN]: true;
  readonly definition: PluginDefinition<Schema>;
}

/**
 * Defines a plugin. Nothing happens until a host applies it, and one definition can be applied any number of times.
 * @example
 * export default definePlugin({
 *   name: "deny",
 *   host: "^1.0.0",
 *   options: z.strictObject({ tools: z.array(z.string()) }),
 *   apply(host, { tools }) {
 *     const denied = matcher(tools);
 *     host.hooks.permit.tap("deny", (entry) => (denied(entry) ? false : undefined));
 *   },
 * });
 */
export function definePlugin<Schema extends z.ZodType = typeof NO_OPTIONS>(definition: PluginDefinition<Schema>): PluginFactory<Schema> {
  const make = (input?: z.input<Schema>): Plugin => ({ [PLUGIN]: true, definition: definition as unknown as PluginDefinition, input }); // the host parses `input` before `apply` sees it
  return Object.assign(make, { [PLUGIN]: true as const, definition });
}

/** What is wrong with a definition, which JavaScript may have written without types. */
export function definitionProblem(definition: Partial<PluginDefinition>): string | undefined {
  const { name, host, apply, options, enforce, needs, before, after, commands = {}, shortcuts = [] } = definition;
  if (typeof name !== "string" || name === "") return 'has no "name"; give definePlugin() one';
  if (typeof host !== "string" || !validRange(host)) return `names no valid range of the plugin API in "host": ${JSON.stringify(host)}`;
  if (typeof apply !== "function") return 'has no function "apply"';
  if (enforce !== undefined && enforce !== "pre" && enforce !== "post")
    return `has "enforce": ${JSON.stringify(enforce)}; it may be "pre" or "post"`;
  const { variables } = definition;
  if (variables !== undefined && typeof variables !== "function") return 'has "variables" that are no function';
  const odd = Object.entries({ needs, before, after }).find(([, names]) => names !== undefined && !isNames(names));
  if (odd) return `has "${odd[0]}" that is no array of plugins' names`;
  const unknown = isNames(shortcuts)
    ? shortcuts.find((each) => !Object.keys(commands).some((name) => name === each || name.startsWith(`${each} `)))
    : "";
  if (unknown !== undefined) return `has "shortcuts" that are no array of names of its commands`;
  const schema = options === undefined ? undefined : zodProblem(options);
  return schema === undefined ? undefined : `has "options" that are ${schema}`;
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === "string" && name !== "");
}
