/*
 * What a store takes, whoever provides it: one in memory would keep what one on a disk cannot write, and who wrote a plugin with
 * the first would learn of it with the second.
 */

/** Levels beyond which a value is written to see whether it can be: it may contain itself. */
const DEEP = 64;

/** @param what begins the message, and is made only for one @throws TypeError unless it is a time to live, or none */
export function checkTtl(what: () => string, ttl: number | undefined): void {
  if (ttl !== undefined) checkTime(what, ttl);
}

/** @throws TypeError unless it is a time to live */
export function checkTime(what: () => string, ttl: number): void {
  if (!Number.isFinite(ttl) || ttl < 0)
    throw new TypeError(`${what()} has the time to live ${shown(ttl)}, which must be a number of milliseconds, 0 or more`);
}

/** @throws TypeError unless a counter can be counted on by it */
export function checkStep(what: () => string, by: number | undefined): void {
  if (by !== undefined && !Number.isFinite(by)) throw new TypeError(`${what()} counts by ${shown(by)}, which must be a number`);
}

/**
 * Looks at each part once and writes none, which costs little beside what a provider does with it.
 * @throws TypeError unless it is JSON, or undefined for none
 */
export function checkJson(what: () => string, value: unknown): void {
  let wrong = unwritable(value, 0);
  if (wrong === TOO_DEEP) wrong = unwritten(value);
  if (wrong !== undefined) throw new TypeError(`${what()} is no JSON: it has ${wrong}`);
}

const TOO_DEEP = "too many levels";

/** What of a value JSON has no form for. A field that is undefined is none; everything else would be lost or become another value. */
function unwritable(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? undefined : `the number ${value}`;
    case "bigint":
      return `the BigInt ${shown(value)}`;
    case "function":
    case "symbol":
      return `a ${typeof value}`;
    case "object":
      break;
    default:
      return undefined;
  }
  if (value === null) return undefined;
  if (depth === DEEP) return TOO_DEEP;
  if (Array.isArray(value)) {
    for (const item of value) {
      const wrong = item === undefined ? "an undefined item" : unwritable(item, depth + 1);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }
  if ("toJSON" in value && typeof value.toJSON === "function") return unwritten(value); // such as a date
  for (const key in value) {
    const wrong = Object.hasOwn(value, key) ? unwritable(value[key as keyof typeof value], depth + 1) : undefined;
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** Why a value cannot be written. */
function unwritten(value: unknown): string | undefined {
  try {
    JSON.stringify(value);
    return undefined;
  } catch (error) {
    return `what cannot be written (${error instanceof Error ? error.message.split("\n")[0] : "it throws"})`;
  }
}

/** A value of a caller that kept to no type, as its code has it. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 64));
  return typeof value === "bigint"
    ? `${value}n`
    : typeof value === "number"
      ? String(value)
      : value === null
        ? "null"
        : `of type ${typeof value}`;
}
