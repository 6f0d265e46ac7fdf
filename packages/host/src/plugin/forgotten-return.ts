import type { AnyFn, HookDefinition } from "./hook-definition.ts";

/** What is told of a tap that gave nothing, with how it is mended; {@link watchingReturn} says where. */
export const FORGOTTEN_RETURN = "a tap returned nothing, so what it was given goes on as it is";

/**
 * For authors and their tests: a tap of a waterfall that gives nothing leaves the value as it is. One that was to change it and forgot its
 * `return` does the same, and nobody would see why: what does it is told of, once for each tap.
 * @param tell is told how it is mended
 */
export function watchingReturn({ kind, composed, args }: HookDefinition, tap: AnyFn, tell: (remedy: string) => void): AnyFn {
  if (!kind.endsWith("WaterfallHook")) return tap;
  const what = args[0] ?? "it";
  const remedy = composed
    ? `return a handler, or \`${what}\` where the upstream is none of the tap's business`
    : `return what the tap makes of \`${what}\`, or \`${what}\` itself where it changes nothing`;
  let isTold = false;
  const watched = <T>(given: T): T => {
    if (given === undefined && !isTold) {
      isTold = true;
      tell(remedy);
    }
    return given;
  };
  const run = tap as (...given: unknown[]) => unknown; // it gets what it would get
  return (...given: unknown[]): unknown => {
    const value = run(...given);
    return value instanceof Promise ? value.then(watched) : watched(value);
  };
}
