import { type FullTap, HookMap } from "tapable";
import { ConfigError } from "../errors.ts";
import type { Site } from "../exchange/exchange.ts";
import type { UpstreamFacts } from "../exchange/upstream-facts.ts";
import { framesOf, type LogFields, placeOf } from "../log.ts";
import { CallLayers } from "./call-layers.ts";
import { conditional, conditionOf } from "./conditions.ts";
import type { At, Failures } from "./failures.ts";
import { FORGOTTEN_RETURN, watchingReturn } from "./forgotten-return.ts";
import { withFrozen } from "./frozen.ts";
import type { AnyFn, HookDefinition, KeyedHookRow, TapOf } from "./hook-definition.ts";
import type { Handler } from "./hook-types.ts";
import { HOOK_CLASSES, HOOKS, type HookName, type Hooks } from "./hooks.ts";
import { INVALID_RESULT, watchingResults } from "./result-watch.ts";
import { guardTap, type TapOwner } from "./tap-guard.ts";
import { neverRuns, noHook, notByMethod, wrongName } from "./untapped.ts";

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
  readonly #failures: Failures;
  readonly #freezes: boolean;
  readonly #taps: Tap[] = [];
  #owner: TapOwner | undefined;
  /** What the config says under `when`, of the plugin that is applied. */
  #isMet: ReturnType<typeof conditionOf> | undefined;
  #sealed = false;

  /** @param freezes whether taps are given frozen messages, and those are told of that forget to return something */
  constructor(failures: Failures, freezes: boolean) {
    this.#failures = failures;
    this.#freezes = freezes;
    const hooks: Record<string, unknown> = {};
    for (const [name, definition] of Object.entries(HOOKS) as [HookName, HookDefinition][]) {
      hooks[name] = definition.keyed ? this.#byMethod(name, definition) : this.#make(name, definition);
    }
    this.hooks = this.#known(Object.freeze(hooks)) as unknown as Hooks; // built from HOOKS, whose names and classes are those of Hooks
  }

  /** The hooks, of which one that is misspelt is told as such. */
  #known(hooks: Readonly<Record<string, unknown>>): typeof hooks {
    return new Proxy(hooks, {
      get: (all, key) => {
        // What JavaScript itself looks for is no hook.
        if (typeof key === "symbol" || key in all || key === "then" || key === "toJSON") return Reflect.get(all, key);
        throw this.#problem(`looks for hooks.${key}, and ${noHook(key)}`);
      },
    });
  }

  #byMethod(name: HookName, definition: HookDefinition): HookMap<AnyHook> {
    const map = new HookMap<AnyHook>((method) => {
      const problem = neverRuns(name, definition, method);
      if (problem !== undefined) throw this.#problem(`taps hooks.${name}.for(${JSON.stringify(method)}): ${problem}`);
      return this.#make(name, definition, method as string); // or it would not have come to anything
    });
    const tap = (): never => {
      throw this.#problem(`taps hooks.${name}, which is by method: tap hooks.${name}.for("tools/call"), or for("*") for all`);
    };
    return Object.assign(map, { tap, tapAsync: tap, tapPromise: tap, intercept: this.#noIntercept(name) });
  }

  /** tapable's interceptors would see and change what passes between other plugins, and the host builds its own hooks of the taps. */
  #noIntercept(site: string) {
    return (): never => {
      throw this.#problem(`uses "intercept" on hooks.${site}: the host runs taps alone; use tap, or host.trace to see what other taps do`);
    };
  }

  /** What the plugin that is applied did wrong. */
  #problem(what: string): ConfigError {
    return new ConfigError([`${this.#owner ? `plugin "${this.#owner.id}"` : "a plugin"} ${what}`]);
  }

  /** Runs one plugin's `apply`, and gives what it tapped. */
  apply(owner: TapOwner, apply: () => void): readonly Tap[] {
    const before = this.#taps.length;
    this.#owner = owner;
    this.#isMet = owner.when && conditionOf(owner.when);
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
        if (owner.when && !definition.about)
          throw new ConfigError([
            `plugin "${owner.id}" taps hooks.${site}, which is not about a tool, a server or a caller, so its entry in the config may not have "when"; remove it`,
          ]);
        const place = tappedAt();
        const given = this.#freezes ? this.#forAuthors(tap, name, definition, { plugin: owner.id, hook: name, tapped: place }) : tap;
        const watched = guardTap(given, name, definition, owner, this.#failures, place);
        const guarded = this.#isMet ? conditional(watched, definition, this.#isMet) : watched;
        const layers = definition.composed ? new CallLayers(guarded.fn as ConstructorParameters<typeof CallLayers>[0]) : undefined; // the guard made it
        const record = { hook: name, ...(method !== undefined && { method }), plugin: owner.id, version: owner.version };
        this.#taps.push({ ...record, tap: guarded, layers });
        return guarded;
      },
    });
    hook.intercept = this.#noIntercept(name);
    const site = `${name}${method === undefined ? "" : `.for(${JSON.stringify(method)})`}`;
    const tap = hook.tap.bind(hook) as (given: unknown, fn: unknown) => void; // checked below, as JavaScript may write it
    const checked = (given: unknown, ...[fn]: unknown[]): void => {
      const problem = wrongName(given, site);
      if (problem !== undefined) throw this.#problem(problem);
      tap(given, fn);
    };
    const byMethod = (key: unknown): never => {
      throw this.#problem(`uses hooks.${name}.for(${JSON.stringify(key)}): ${notByMethod(name, this.#owner?.id)}`);
    };
    return Object.assign(hook, { tap: checked, ...(method === undefined && { for: byMethod }) });
  }

  /** A tap that is given frozen messages, and told of where it returns nothing. */
  #forAuthors(tap: FullTap, name: HookName, definition: HookDefinition, at: At & LogFields): FullTap {
    const told = watchingResults(name, tap.fn as AnyFn, (problem, remedy) =>
      this.#failures.remark(INVALID_RESULT, at, { problem, remedy }),
    );
    const frozen = withFrozen(name, definition.composed === true, told);
    const fn = watchingReturn(definition, frozen, (remedy) => this.#failures.remark(FORGOTTEN_RETURN, at, { remedy }));
    return { ...tap, fn: fn as FullTap["fn"] }; // as it was
  }

  /** Ends tapping and gives what the pipeline runs. What nobody tapped is undefined and costs nothing. */
  seal(): SealedHooks {
    this.#sealed = true;
    return sealed(this.#taps);
  }
}

function bare(name: HookName, definition: HookDefinition): AnyHook {
  // tapable types each class by its own tuple of arguments; here they come from a table.
  const Class = HOOK_CLASSES[definition.kind] as unknown as new (args: readonly string[], name: string) => AnyHook;
  return new Class([...definition.args], name);
}

type Rows = typeof HOOKS;
type KeyedName = { [Name in HookName]: Rows[Name] extends KeyedHookRow<infer _> ? Name : never }[HookName];

/** What a hook gives the host: of one that decides, who refused. */
type Given<Fn extends AnyFn> = [false] extends [Awaited<ReturnType<Fn>>] ? Site | undefined : Awaited<ReturnType<Fn>>;

/** A hook as the host runs it. Without taps it is undefined and costs nothing. */
type Run<Fn extends AnyFn> =
  | ((...args: Parameters<Fn>) => [Extract<ReturnType<Fn>, PromiseLike<unknown>>] extends [never] ? Given<Fn> : Promise<Given<Fn>>)
  | undefined;

/** The hooks as the host calls them. Those by method are asked for a method's taps, those of `"*"` included, in config order. */
export type SealedHooks = {
  readonly [Name in Exclude<HookName, KeyedName>]: Run<TapOf<Rows[Name]>>;
} & {
  readonly [Name in Exclude<KeyedName, "call">]: (method: string) => Run<TapOf<Rows[Name]>>;
} & {
  /** The onion of the `call` taps of a method around `innermost`. */
  compose(method: string, innermost: Handler, upstream: UpstreamFacts): Handler;
  /** Every tap, in config order. */
  readonly taps: readonly Tap[];
};

/** Methods whose composed hooks are kept: a client can invent as many as it likes. */
const MAX_METHODS = 500;

function sealed(taps: readonly Tap[]): SealedHooks {
  const hooks: Record<string, unknown> = { taps };
  for (const [name, { keyed, composed }] of Object.entries(HOOKS) as [HookName, HookDefinition][]) {
    if (composed) continue;
    if (!keyed) {
      hooks[name] = running(name, tapsOf(taps, name));
      continue;
    }
    const byMethod = new Map<string, unknown>();
    hooks[name] = (method: string): unknown => {
      if (byMethod.has(method)) return byMethod.get(method);
      const run = running(name, tapsOf(taps, name, method));
      if (byMethod.size < MAX_METHODS) byMethod.set(method, run);
      return run;
    };
  }
  const set = hooks as unknown as SealedHooks; // built from HOOKS, whose names and classes are those of SealedHooks
  hooks.compose = (method: string, innermost: Handler, upstream: UpstreamFacts): Handler =>
    // From the inside out, so that the first plugin in the config becomes the outermost.
    tapsOf(taps, "call", method).reduceRight((next, { layers }) => layers?.around(next, upstream, method, set) ?? next, innermost);
  return set;
}

type Three = (first?: unknown, second?: unknown, third?: unknown) => unknown;

/** What runs these taps of a hook. Three arguments are the most that a hook has, and cost less than a rest. */
function running(name: HookName, taps: readonly Tap[]): Three | undefined {
  const hook = build(name, guarded(taps)) as { call: Three; promise: Three } | undefined; // whichever of the two its class has is used
  if (!hook) return undefined;
  // tapable compiles either on first use and replaces it: it must be looked up each time.
  return HOOKS[name].kind.startsWith("Async") ? (a, b, c) => hook.promise(a, b, c) : (a, b, c) => hook.call(a, b, c);
}

/** The `http` taps, each with the plugin that it is of. */
export function* mounting({ taps }: SealedHooks): Iterable<{ readonly plugin: string; readonly mount: TapOf<Rows["http"]> }> {
  for (const tap of tapsOf(taps, "http")) {
    const mount = running("http", [tap]) as TapOf<Rows["http"]>; // of one tap there is what runs it
    yield { plugin: tap.plugin, mount };
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

/** File and line of the plugin that is tapping. */
function tappedAt(): string | undefined {
  const [frame] = framesOf(new Error());
  return frame === undefined ? undefined : placeOf(frame);
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
