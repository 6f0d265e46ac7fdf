import { HostExchange } from "../exchange/host-exchange.ts";
import type { AnyFn } from "./hook-definition.ts";
import type { Handler } from "./hook-types.ts";
import type { HookName } from "./hooks.ts";

/*
 * For authors and their tests: what taps and handlers are given is frozen, so that one that changes it in place fails there and is
 * named, instead of changing what others see. Nothing of it is on the way of a call otherwise.
 */

/** Hooks that are given what belongs to Node, to Hono or to the program that the host is a part of, and no message. */
const NO_MESSAGES: ReadonlySet<HookName> = new Set<HookName>(["admit", "authenticate", "principal", "refused", "http"]);

/** What was frozen with all that is in it: that something is frozen says nothing of its parts. */
const whole = new WeakSet<object>();

/** Freezes a value with all that is in it, as far as that is JSON; objects of classes are left alone, but for messages of an exchange. */
export function frozen<T>(value: T): T {
  const left: unknown[] = [value];
  for (let next = left.pop(); next !== undefined || left.length > 0; next = left.pop()) {
    if (typeof next !== "object" || next === null || whole.has(next)) continue;
    if (next instanceof HostExchange) left.push(...messagesOf(next));
    else if (isPlain(next)) {
      whole.add(Object.freeze(next));
      for (const part of Object.values(next)) left.push(part as unknown);
    }
  }
  return value;
}

function messagesOf({ original, params, entry, called, outcome }: HostExchange): unknown[] {
  const came = outcome === undefined ? undefined : "result" in outcome ? outcome.result : "error" in outcome ? outcome.error : undefined;
  return [original, params, entry, called, came];
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A tap of a hook that is given frozen messages. @param composed it makes handlers, whose messages are */
export function withFrozen(hook: HookName, composed: boolean, tap: AnyFn): AnyFn {
  if (NO_MESSAGES.has(hook)) return tap;
  if (composed) return handling(tap as (next: Handler, upstream: unknown) => unknown);
  const run = tap as (...args: unknown[]) => unknown; // it gets what it would get
  return (...args: unknown[]) => withRemedy(() => run(...args.map(frozen)));
}

/** What the engine says of a change of something frozen. */
const IN_PLACE = /^(?:Cannot (?:assign to read only|add|delete|define|redefine) property|Cannot assign to property|Cannot freeze)\b/;
const REMEDY = "messages are never changed in place: return a new object, such as { ...params, changed: true }";

/** Runs what was given something frozen: where it changes that in place, the error says what to do instead. */
export function withRemedy<T>(run: () => T): T {
  try {
    const given = run();
    if (!(given instanceof Promise)) return given;
    return given.catch((error: unknown) => Promise.reject(remedied(error) as Error)) as T; // as it was, and whatever was thrown
  } catch (error) {
    throw remedied(error);
  }
}

/** The same error, so that its stack stays, with the remedy behind its words. */
function remedied(error: unknown): unknown {
  try {
    if (error instanceof TypeError && IN_PLACE.test(error.message) && !error.message.includes(REMEDY)) error.message += `; ${REMEDY}`;
  } catch {
    // Somebody's own error that cannot be changed, or looked at, stays as it is.
  }
  return error;
}

function handling(make: (next: Handler, upstream: unknown) => unknown): AnyFn {
  return (next: Handler, upstream: unknown): unknown => {
    const inner: Handler = (exchange) => next(exchange).then(frozen);
    const handler = make(inner, upstream);
    if (handler === inner) return next; // the upstream is not the tap's business
    return typeof handler === "function"
      ? (exchange: HostExchange): unknown => withRemedy(() => (handler as AnyHandler)(frozen(exchange)))
      : handler;
  };
}

type AnyHandler = (exchange: HostExchange) => unknown;
