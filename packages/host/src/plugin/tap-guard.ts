import type { FullTap } from "tapable";
import type { PluginCondition } from "../config/plugin-schema.ts";
import { ConfigError, HostError, isRefusal } from "../errors.ts";
import type { Decision, Exchange, Route, Site } from "../exchange/exchange.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import { hostSide } from "../exchange/host-side.ts";
import { presentTap, type Span } from "../exchange/trace.ts";
import { errorFields } from "../log.ts";
import { isObject } from "../wire/message.ts";
import { PeerError } from "../wire/peer-error.ts";
import type { Failures } from "./failures.ts";
import type { HookDefinition } from "./hook-definition.ts";
import type { Handler } from "./hook-types.ts";
import { readable, withPlace } from "./thrown.ts";

/** Who taps: an instance of a plugin, with what the config says of its failures. */
export interface TapOwner {
  /** The plugin's name, or the config's `id` for a second copy. */
  readonly id: string;
  readonly version: string;
  /** `skip`: go on as if the tap were not there. Hooks that decide (`permit`, `authenticate`) fail closed all the same. */
  readonly onError: "fail" | "skip";
  /** Milliseconds that one asynchronous tap may take. */
  readonly timeout: number;
  /** What the config says under `when`. */
  readonly when?: PluginCondition | undefined;
}

/** What the log says of a tap that failed. */
export const PLUGIN_FAILED = "a plugin failed";

// biome-ignore lint/complexity/noBannedTypes: a tap of any hook; its hook's wrapper knows the arguments
type AnyTap = Function;
type Callback = (error: Error | null, value?: unknown) => void;

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** By what a tap failed with: which tap. For whoever finds it where there is no exchange that notes it. */
const sites = new WeakMap<Error, Site>();

/** Lays an error of the host's at the door of a tap. */
export function laidTo<Thrown extends Error>(error: Thrown, site: Site): Thrown {
  sites.set(error, site);
  return error;
}

/** Which tap an error comes from, as its guard let it pass, or a rule that it broke was found broken later; undefined for the host's own. */
export function siteOf(error: unknown): Site | undefined {
  return error instanceof Error ? sites.get(error) : undefined;
}

/**
 * Makes a tap safe to run among others: its errors carry plugin and hook, an asynchronous one has a deadline, a
 * synchronous one returns no promise, and a wrong value goes no further.
 * @param failures where what is no refusal is told
 * @param place where in the plugin's code the tap was made, for the log
 */
export function guardTap(
  tap: FullTap,
  hook: string,
  definition: HookDefinition,
  owner: TapOwner,
  failures: Failures,
  place?: string,
): FullTap {
  const site: Site = { plugin: owner.id, hook };
  const fn = tap.fn as AnyTap;
  const isWaterfall = definition.kind.endsWith("WaterfallHook");
  const skip = owner.onError === "skip" && definition.closed === undefined;

  /** A plugin's own words: its deliberate no, or what it finds wrong with its options when the host starts. */
  const isMeant = (error: unknown): error is Error =>
    isRefusal(error) || (definition.tellsOperator === true && error instanceof ConfigError);

  const failure = (error: unknown): Error => {
    if (isMeant(error)) return error;
    const why = definition.tellsOperator ? ` in ${hook}: ${withPlace(String(errorFields(error).error), error)}` : "";
    return new HostError("plugin_failure", `plugin "${owner.id}" failed${why}`, { plugin: owner.id, cause: error });
  };
  const report = (error: unknown, exchange?: HostExchange): void => {
    failures.tell(PLUGIN_FAILED, site, error, {
      ...(place !== undefined && { tapped: place }),
      ...(exchange && { requestId: exchange.id }),
    });
  };

  /** What a tap gave, if it is what the hook takes; undefined leaves a waterfall's value as it is. */
  const checked = (value: unknown, args: readonly unknown[]): unknown => {
    // Whoever returns a refusal means it: as a value it would let the request pass.
    if (isRefusal(value)) throw value;
    if (value === undefined || definition.ends?.(value)) return value;
    if (definition.decides) {
      // Whoever asks is told who refused.
      if (value === false) return site;
      if (isObject(value) && typeof value.rule === "string") return { ...site, rule: value.rule };
      throw new TypeError(`the tap gave ${JSON.stringify(value)}; ${hook} takes ${definition.gives}, and anything else refuses`);
    }
    if (isWaterfall) {
      const isList = Array.isArray(args[0]);
      if (isList ? !Array.isArray(value) : !isObject(value))
        throw new TypeError(
          `the tap gave ${value === null ? "null" : Array.isArray(value) ? "an array" : typeof value}; ${hook} takes ${definition.gives}`,
        );
    }
    const breach = definition.breach?.(value as never, ...(args as never[])); // the table has the rule beside the hook whose values these are
    if (breach !== undefined) throw new TypeError(breach);
    return value;
  };

  const decided = (
    exchange: HostExchange | undefined,
    span: Span | undefined,
    did: Decision["did"],
    thrown?: unknown,
    by: Site = site,
  ): void => {
    exchange?.decide(by, did, thrown);
    if (span) span.did = did;
  };

  const asynchronous = (...args: unknown[]): void => {
    const done = args.pop() as Callback;
    const exchange = args.find((arg) => arg instanceof HostExchange);
    const before = exchange?.at;
    if (definition.ends?.(args[0])) return done(null, args[0]);
    if (exchange) exchange.at = site;
    const span = exchange?.trace?.begin(hook, owner.id);
    let settled = false;
    const settle = (error: unknown, value?: unknown): void => {
      if (settled) return;
      settled = true;
      if (exchange) exchange.at = before;
      if (error === undefined) {
        try {
          const given = checked(value, args);
          if (definition.decides && given !== undefined) decided(exchange, span, "refused", undefined, given as Site);
          else if (definition.decision && given !== undefined && definition.ends?.(given) !== false)
            decided(exchange, span, definition.decision);
          else if (isWaterfall && given !== undefined && given !== args[0]) span?.changed(args[0], given);
          if (definition.decision === "routed" && given !== undefined) span?.leads(given as Route); // its rule has been kept
          span?.finish();
          return done(null, given);
        } catch (wrong) {
          error = readable(wrong);
        }
      }
      if (!isMeant(error)) {
        report(error, exchange);
        if (skip) {
          span?.finish(failure(error), "failed"); // it alone, not the exchange
          return done(null, undefined);
        }
      }
      const failed = failure(error);
      sites.set(failed, site);
      decided(exchange, span, isMeant(error) ? "refused" : "failed", error);
      span?.finish(failed);
      done(failed);
    };
    let given: unknown;
    try {
      given = fn(...args);
    } catch (error) {
      return settle(readable(error) ?? new Error("the tap threw nothing"));
    }
    if (!isThenable(given)) return settle(undefined, given);
    const timer = setTimeout(() => settle(new Error(`the tap did not finish within ${owner.timeout} ms`)), owner.timeout);
    given.then(
      (value) => {
        clearTimeout(timer);
        settle(undefined, value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        settle(readable(error) ?? new Error("the tap rejected with nothing"));
      },
    );
  };

  const run = (...args: unknown[]): unknown => {
    const value: unknown = fn(...args);
    if (isThenable(value)) {
      value.then(undefined, (error: unknown) => report(error));
      throw new TypeError(`the tap returned a promise, but ${hook} is synchronous`);
    }
    return value;
  };

  const synchronous: Record<string, AnyTap> = {
    SyncHook: (...args: unknown[]) => {
      const span = presentTap(hook, owner.id);
      try {
        run(...args);
        span?.finish();
      } catch (thrown) {
        const error = readable(thrown);
        report(
          error,
          args.find((arg) => arg instanceof HostExchange),
        );
        span?.finish(failure(error), "failed");
      }
    },
    SyncBailHook: (...args: unknown[]) => {
      const span = presentTap(hook, owner.id);
      try {
        const given = checked(run(...args), args);
        span?.finish(undefined, definition.decides && given !== undefined ? "refused" : undefined);
        return given;
      } catch (thrown) {
        const error = readable(thrown);
        if (!isRefusal(error))
          report(
            error,
            args.find((arg) => arg instanceof HostExchange),
          );
        span?.finish(failure(error), isRefusal(error) ? "refused" : "failed");
        return isRefusal(error) && error.rule !== undefined ? { ...site, rule: error.rule } : site;
      }
    },
    SyncWaterfallHook: (...args: unknown[]) => {
      if (definition.ends?.(args[0])) return undefined;
      const span = presentTap(hook, owner.id);
      try {
        const given = checked(run(...args), args);
        if (given !== undefined && given !== args[0]) span?.changed(args[0], given);
        span?.finish();
        return given;
      } catch (thrown) {
        const error = readable(thrown);
        report(error);
        span?.finish(failure(error), "failed");
        if (skip) return undefined;
        throw failure(error);
      }
    },
  };

  if (definition.kind.startsWith("Async")) return { ...tap, type: "async", fn: asynchronous as FullTap["fn"] };
  if (definition.composed) return { ...tap, fn: composing(fn, site, skip, failure, report) as FullTap["fn"] };
  return { ...tap, fn: synchronous[definition.kind] as FullTap["fn"] };
}

/** Errors that a handler hands on from further in; they are no fault of the plugin that lets them pass. */
function isPassing(error: unknown): boolean {
  return error instanceof HostError || error instanceof PeerError || isRefusal(error);
}

/** Wraps a tap of `call`, which makes handlers: what it makes is watched like any tap. */
function composing(
  fn: AnyTap,
  site: Site,
  skip: boolean,
  failure: (error: unknown) => Error,
  report: (error: unknown, exchange?: HostExchange) => void,
): AnyTap {
  return (next: Handler, upstream: unknown): Handler | undefined => {
    // Only a skipped plugin must know whether it had called next before it failed.
    const called = skip ? new WeakSet<Exchange>() : undefined;
    const inner: Handler = called
      ? (exchange) => {
          called.add(exchange);
          return next(exchange);
        }
      : next;
    let handler: unknown;
    try {
      handler = fn(inner, upstream);
      if (handler === undefined) return undefined;
      if (typeof handler !== "function") throw new TypeError("the tap gave no handler");
    } catch (thrown) {
      const error = readable(thrown);
      report(error);
      throw failure(error);
    }
    if (handler === inner) return undefined; // this upstream is not the plugin's business
    const outer = handler as Handler;
    return (given) => {
      const exchange = hostSide(given);
      const before = exchange.at;
      exchange.at = site;
      const { inside, trace } = exchange;
      exchange.inside = site;
      const span = trace?.begin("call", site.plugin);
      const failed = (reason: unknown): Promise<never> | Promise<Record<string, unknown>> => {
        const error = readable(reason);
        exchange.at = before;
        exchange.inside = inside; // whoever is around it may answer yet
        const refused = isRefusal(error) && exchange.decide(site, "refused", error);
        if (isPassing(error)) {
          span?.finish(error, refused ? "refused" : undefined);
          throw error;
        }
        report(error, exchange);
        const thrown = failure(error);
        span?.finish(thrown, "failed");
        if (called && !called.has(exchange)) return next(exchange);
        exchange.decide(site, "failed", error);
        throw thrown;
      };
      let result: unknown;
      try {
        result = outer(exchange);
      } catch (error) {
        try {
          return failed(error);
        } catch (wrapped) {
          return Promise.reject(wrapped);
        }
      }
      return Promise.resolve(result).then((value) => {
        exchange.at = before;
        if (isRefusal(value)) return failed(value);
        if (isObject(value)) {
          const answered = !exchange.isReached && exchange.inside === site && exchange.decide(site, "answered");
          if (span) trace?.passed(span, value);
          span?.finish(undefined, answered ? "answered" : undefined);
          return value;
        }
        return failed(new TypeError(`the handler gave ${value === null ? "null" : typeof value} instead of a result`));
      }, failed);
    };
  };
}
