import type { Hono } from "hono";
import { type FullTap, HookMap } from "tapable";
import { ConfigError } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import type { Entry } from "../exchange/entry.ts";
import type { Exchange, Route } from "../exchange/exchange.ts";
import type { Credentials, CredentialsRequest, UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Logger } from "../log.ts";
import type { Json, Notification } from "../wire/message.ts";
import { CallLayers } from "./call-layers.ts";
import {
  type Ask,
  type Handler,
  HOOK_CLASSES,
  HOOKS,
  type HookDefinition,
  type HookName,
  type Hooks,
  type HttpFacts,
  type NotificationOrigin,
  type OperatedEvent,
  type OwnAnswer,
  type SessionEvent,
  type UpstreamEvent,
} from "./hooks.ts";
import { guardTap, type TapOwner } from "./tap-guard.ts";

/** One tap, for `inspect`. */
export interface TapRecord {
  readonly hook: HookName;
  /** The method of a keyed hook. */
  readonly method?: string;
  readonly plugin: string;
  readonly version: string;
}

type AnyHook = InstanceType<(typeof HOOK_CLASSES)[HookDefinition["kind"]]>;

/** A guarded tap with its place, kept beside tapable's own list because `"*"` and methods are ordered together. */
export interface Tap extends TapRecord {
  readonly tap: FullTap;
  /** What a tap of `call` made so far. */
  readonly layers: CallLayers | undefined;
}

/**
 * The hooks of one start or reload: plugins tap them while `apply` runs, then the set is sealed. An exchange ends on the
 * set it began on, since tapable has no untap.
 */
export class HookSet {
  readonly hooks: Hooks;
  readonly #log: Logger;
  readonly #taps: Tap[] = [];
  #owner: TapOwner | undefined;
  #sealed = false;

  constructor(log: Logger) {
    this.#log = log;
    const hooks: Record<string, unknown> = {};
    for (const [name, definition] of Object.entries(HOOKS) as [HookName, HookDefinition][]) {
      hooks[name] = definition.keyed ? new HookMap((method) => this.#make(name, definition, method)) : this.#make(name, definition);
    }
    this.hooks = Object.freeze(hooks) as unknown as Hooks; // built from HOOKS, whose names and classes are those of Hooks
  }

  /** Runs one plugin's `apply`, and gives what it tapped. */
  apply(owner: TapOwner, apply: () => void): readonly Tap[] {
    const before = this.#taps.length;
    this.#owner = owner;
    try {
      apply();
    } finally {
      this.#owner = undefined;
    }
    return this.#taps.slice(before);
  }

  /** Takes over what a plugin tapped in another set, as a reload does with one that did not change. */
  adopt(taps: readonly Tap[]): void {
    this.#taps.push(...taps);
  }

  #make(name: HookName, definition: HookDefinition, method?: string): AnyHook {
    const hook = bare(name, definition);
    hook.intercept({
      register: (tap: FullTap): FullTap => {
        const owner = this.#owner;
        const site = `${name}${method === undefined ? "" : `.for("${method}")`}`;
        if (this.#sealed || !owner)
          throw new ConfigError([
            `hooks.${site} was tapped by "${tap.name}" too late: taps are made while apply runs; move the work, not the tap, to "ready"`,
          ]);
        if (tap.type !== "sync")
          throw new ConfigError([
            `plugin "${owner.id}" uses tap${tap.type === "async" ? "Async" : "Promise"} on hooks.${site}: use tap, which takes sync and async functions`,
          ]);
        if (tap.before !== undefined || tap.stage)
          throw new ConfigError([
            `plugin "${owner.id}" uses "before" or "stage" on hooks.${site}: the order of the plugins in the config is the only order`,
          ]);
        if (typeof tap.fn !== "function")
          throw new ConfigError([`plugin "${owner.id}" taps hooks.${site} with ${typeof tap.fn}: it must be a function`]);
        const guarded = guardTap(tap, name, definition, owner, this.#log);
        const layers = name === "call" ? new CallLayers(guarded.fn as ConstructorParameters<typeof CallLayers>[0]) : undefined; // the guard made it
        const record = { hook: name, ...(method !== undefined && { method }), plugin: owner.id, version: owner.version };
        this.#taps.push({ ...record, tap: guarded, layers });
        return guarded;
      },
    });
    return hook;
  }

  /** Ends tapping and gives what the pipeline runs. What nobody tapped is undefined and costs nothing. */
  seal(): SealedHooks {
    this.#sealed = true;
    return new SealedHooks(this.#taps);
  }
}

function bare(name: HookName, definition: HookDefinition): AnyHook {
  // tapable types each class by its own tuple of arguments; here they come from a table.
  const Class = HOOK_CLASSES[definition.kind] as unknown as new (args: readonly string[], name: string) => AnyHook;
  return new Class([...definition.args], name);
}

/** Methods whose composed hooks are kept. */
const MAX_METHODS = 500;

type Run<Args extends unknown[], Result> = ((...args: Args) => Result) | undefined;

type Keyed = Run<[Readonly<Json>, Exchange], Promise<Readonly<Json>>>;

/** The hooks as the host calls them. */
export class SealedHooks {
  readonly authenticate: Run<[HttpFacts], Promise<Principal | undefined>>;
  readonly session: Run<[SessionEvent], void>;
  readonly upstream: Run<[UpstreamEvent], void>;
  readonly credentials: Run<[Credentials, CredentialsRequest], Promise<Credentials>>;
  readonly discover: Run<[readonly Entry[], UpstreamFacts], Promise<readonly Entry[]>>;
  readonly merge: Run<[readonly Entry[]], readonly Entry[]>;
  readonly route: Run<[Exchange], Promise<Route | undefined>>;
  readonly permit: Run<[Entry, Principal, Exchange | undefined], false | undefined>;
  readonly settled: Run<[Exchange], void>;
  readonly ask: Run<[Ask, Exchange], Promise<Ask | OwnAnswer>>;
  readonly answer: Run<[Json, Exchange], Promise<Json>>;
  readonly notify: Run<[Notification, NotificationOrigin], Notification | null>;
  readonly http: Run<[Hono, Hono], void>;
  readonly operated: Run<[OperatedEvent], void>;
  /** Every tap, in config order. */
  readonly taps: readonly Tap[];
  readonly #byMethod = { transform: new Map<string, Keyed>(), respond: new Map<string, Keyed>() };

  constructor(taps: readonly Tap[]) {
    this.taps = taps;
    this.authenticate = this.#promise("authenticate");
    this.session = this.#call("session");
    this.upstream = this.#call("upstream");
    this.credentials = this.#promise("credentials");
    this.discover = this.#promise("discover");
    this.merge = this.#call("merge");
    this.route = this.#promise("route");
    this.permit = this.#call("permit");
    this.settled = this.#call("settled");
    this.ask = this.#promise("ask");
    this.answer = this.#promise("answer");
    this.notify = this.#call("notify");
    this.http = this.#call("http");
    this.operated = this.#call("operated");
  }

  /** The `transform` taps of a method, those of `"*"` included, in config order. */
  transform(method: string): Keyed {
    return this.#keyed("transform", method);
  }

  /** The `respond` taps of a method, likewise. */
  respond(method: string): Keyed {
    return this.#keyed("respond", method);
  }

  /** The onion of the `call` taps of a method around `innermost`. */
  compose(method: string, innermost: Handler, upstream: UpstreamFacts): Handler {
    // From the inside out, so that the first plugin in the config becomes the outermost.
    return tapsOf(this.taps, "call", method).reduceRight(
      (next, { layers }) => layers?.around(next, upstream, method, this) ?? next,
      innermost,
    );
  }

  #keyed(name: "transform" | "respond", method: string): Keyed {
    const built = this.#byMethod[name];
    if (built.has(method)) return built.get(method);
    const hook = build(name, guarded(tapsOf(this.taps, name, method))) as
      | { promise(value: Readonly<Json>, exchange: Exchange): Promise<Json> }
      | undefined;
    const run = hook && ((value: Readonly<Json>, exchange: Exchange) => hook.promise(value, exchange));
    // A client can invent as many methods as it likes.
    if (built.size < MAX_METHODS) built.set(method, run);
    return run;
  }

  #call<Args extends unknown[], Result>(name: HookName): Run<Args, Result> {
    const hook = build(name, guarded(tapsOf(this.taps, name))) as { call(...args: Args): Result } | undefined;
    return hook && ((...args) => hook.call(...args));
  }

  #promise<Args extends unknown[], Result>(name: HookName): Run<Args, Promise<Result>> {
    const hook = build(name, guarded(tapsOf(this.taps, name))) as { promise(...args: Args): Promise<Result> } | undefined;
    return hook && ((...args) => hook.promise(...args));
  }
}

/** Runs the taps of one phase of a life: those of a set, or of a plugin that comes or goes. */
export async function runPhase(name: "ready" | "close", taps: readonly Tap[]): Promise<void> {
  const hook = build(name, guarded(tapsOf(taps, name))) as { promise(): Promise<void> } | undefined;
  await hook?.promise();
}

/** The taps of a hook, of every method or of one. */
function tapsOf(taps: readonly Tap[], name: HookName, method?: string): Tap[] {
  return taps.filter((tap) => tap.hook === name && (tap.method === undefined || tap.method === "*" || tap.method === method));
}

function guarded(taps: readonly Tap[]): FullTap[] {
  return taps.map(({ tap }) => tap);
}

/** A tapable hook with exactly these taps, or undefined without any. */
function build(name: HookName, taps: readonly FullTap[]): unknown {
  if (taps.length === 0) return undefined;
  const hook = bare(name, HOOKS[name]);
  for (const { type, fn, name: plugin } of taps) {
    // As above: the classes' own methods, which the union of all classes does not have in common.
    if (type === "async") (hook as unknown as { tapAsync(name: string, fn: unknown): void }).tapAsync(plugin, fn);
    else (hook as unknown as { tap(name: string, fn: unknown): void }).tap(plugin, fn);
  }
  return hook;
}
