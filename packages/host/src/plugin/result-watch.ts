import { HostExchange } from "../exchange/host-exchange.ts";
import { isObject, type Json } from "../wire/message.ts";
import type { AnyFn } from "./hook-definition.ts";
import type { Handler } from "./hook-types.ts";
import type { HookName } from "./hooks.ts";

/** What is told of a tap whose result clients may not be able to read. */
export const INVALID_RESULT = "a tap gave a result that is none of MCP";

/** Told what is wrong with a result, and how it is mended. */
type Tell = (problem: string, remedy: string) => void;

/**
 * For authors and their tests: what taps of `respond` and handlers of `call` make of results reaches clients as it is, and one that cannot read
 * it fails far from here. Who makes one that MCP does not have is told of, once for each tap; what was wrong before is not the tap's doing.
 */
export function watchingResults(hook: HookName, tap: AnyFn, tell: Tell): AnyFn {
  if (hook !== "respond" && hook !== "call") return tap;
  let isTold = false;
  const look = (given: unknown, before: unknown, exchange: unknown): void => {
    if (isTold || given === before || !isObject(given) || !(exchange instanceof HostExchange) || isUnfinished(given)) return;
    const { method } = exchange;
    void problemOf(given, before, method).then((problem) => {
      if (problem === undefined || isTold) return;
      isTold = true;
      tell(problem, `give a result as MCP has it for ${method}, or the one that came`);
    });
  };
  return hook === "respond" ? answering(tap, look) : handling(tap, look);
}

type Look = (given: unknown, before: unknown, exchange: unknown) => void;

function answering(tap: AnyFn, look: Look): AnyFn {
  const run = tap as (...given: unknown[]) => unknown; // it gets what it would get
  return (...args: unknown[]): unknown => seen(run(...args), (given) => look(given, args[0], args[1]));
}

function handling(tap: AnyFn, look: Look): AnyFn {
  const make = tap as (next: Handler, upstream: unknown) => unknown; // as above
  return (next: Handler, upstream: unknown): unknown => {
    const came = new WeakMap<object, Json>();
    const inner: Handler = (exchange) =>
      next(exchange).then((result) => {
        came.set(exchange, result);
        return result;
      });
    const handler = make(inner, upstream);
    if (handler === inner) return next; // the upstream is not the tap's business
    if (typeof handler !== "function") return handler;
    return (exchange: HostExchange): unknown =>
      seen((handler as (given: HostExchange) => unknown)(exchange), (given) => look(given, came.get(exchange), exchange));
  };
}

/** The same value, which somebody has looked at once it is there. */
function seen(value: unknown, look: (given: unknown) => void): unknown {
  if (!(value instanceof Promise)) {
    look(value);
    return value;
  }
  return value.then((given: unknown) => {
    look(given);
    return given;
  });
}

/** A task in the place of a result, or a question before it (MCP 2026-07-28). */
function isUnfinished({ task, resultType }: Json): boolean {
  return isObject(task) || resultType === "input_required";
}

/** Nobody but authors needs the schemas: they are loaded where one is. */
async function problemOf(given: Json, before: unknown, method: string): Promise<string | undefined> {
  const { resultProblems } = await import("../wire/result-problems.ts");
  const known = new Set(before === undefined ? [] : resultProblems(before, method));
  return resultProblems(given, method).find((problem) => !known.has(problem));
}
