import type { Hono } from "hono";
import { type FullTap, HookMap } from "tapable";
import { ConfigError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Json, Notification } from "../wire/message.ts";
import type { Entry } from "./entry.ts";
import type { Exchange, Principal, Route } from "./exchange.ts";
import { guardTap, type TapOwner } from "./guard.ts";
import {
  type Ask,
  type Credentials,
  type CredentialsRequest,
  type Handler,
  HOOK_CLASSES,
  HOOKS,
  type HookDefinition,
  type HookName,
  type Hooks,
  type HttpFacts,
  type Origin,
  type OwnAnswer,
  type SessionEvent,
  type UpstreamEvent,
  type UpstreamFacts,
} from "./hooks.ts";

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
interface Kept extends TapRecord {
  readonly tap: FullTap;
}

/**
 * The hooks of one start or reload: plugins tap them while `apply` runs, then the set is sealed. An exchange ends on the
 * set it began on, since tapable has no untap.
 */
export class HookSet {
  readonly hooks: Hooks;
  readonly #log: Logger;
  readonly #kept: Kept[] = [];
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

  /** Runs one plugin's `apply`; what it taps is its own. */
  apply(owner: TapOwner, apply: () => void): void {
    this.#owner = owner;
    try {
      apply();
    } finally {
      this.#owner = undefined;
    }
  }

  /** Every tap, in config order. */
  get taps(): readonly TapRecord[] {
    return this.#kept;
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
        // The last tap of a waterfall of handlers becomes the outermost; the first plugin in the config has to be.
        if (name === "call") guarded.stage = -this.#kept.length;
        this.#kept.push({ hook: name, ...(method !== undefined && { method }), plugin: owner.id, version: owner.version, tap: guarded });
        return guarded;
      },
    });
    return hook;
  }

  /** Ends tapping and gives what the pipeline runs. What nobody tapped is undefined and costs nothing. */
  seal(): SealedHooks {
    this.#sealed = true;
    return new SealedHooks(this.#kept);
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
  readonly notify: Run<[Notification, Origin], Notification | null>;
  readonly http: Run<[Hono], void>;
  readonly ready: Run<[], Promise<void>>;
  readonly close: Run<[], Promise<void>>;
  readonly #kept: readonly Kept[];
  readonly #byMethod = { transform: new Map<string, Keyed>(), respond: new Map<string, Keyed>() };

  constructor(kept: readonly Kept[]) {
    this.#kept = kept;
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
    this.ready = this.#promise("ready");
    this.close = this.#promise("close");
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
    const hook = this.#build("call", method);
    // A SyncWaterfallHook's `call` is declared on the class, not on the union of all classes.
    return hook ? (hook as unknown as { call(next: Handler, upstream: UpstreamFacts): Handler }).call(innermost, upstream) : innermost;
  }

  #keyed(name: "transform" | "respond", method: string): Keyed {
    const built = this.#byMethod[name];
    if (built.has(method)) return built.get(method);
    const hook = this.#build(name, method) as { promise(value: Readonly<Json>, exchange: Exchange): Promise<Json> } | undefined;
    const run = hook && ((value: Readonly<Json>, exchange: Exchange) => hook.promise(value, exchange));
    // A client can invent as many methods as it likes.
    if (built.size < MAX_METHODS) built.set(method, run);
    return run;
  }

  #call<Args extends unknown[], Result>(name: HookName): Run<Args, Result> {
    const hook = this.#build(name) as { call(...args: Args): Result } | undefined;
    return hook && ((...args) => hook.call(...args));
  }

  #promise<Args extends unknown[], Result>(name: HookName): Run<Args, Promise<Result>> {
    const hook = this.#build(name) as { promise(...args: Args): Promise<Result> } | undefined;
    return hook && ((...args) => hook.promise(...args));
  }

  /** A tapable hook with exactly the taps that apply, or undefined without any. */
  #build(name: HookName, method?: string): unknown {
    const taps = this.#kept.filter(
      (kept) => kept.hook === name && (kept.method === undefined || kept.method === "*" || kept.method === method),
    );
    if (taps.length === 0) return undefined;
    const hook = bare(name, HOOKS[name]);
    for (const { tap } of taps) {
      const { type, fn, name: plugin, stage } = tap;
      const options = { name: plugin, ...(stage !== undefined && { stage }) };
      // As above: the classes' own methods, which the union of all classes does not have in common.
      if (type === "async") (hook as unknown as { tapAsync(options: unknown, fn: unknown): void }).tapAsync(options, fn);
      else (hook as unknown as { tap(options: unknown, fn: unknown): void }).tap(options, fn);
    }
    return hook;
  }
}
