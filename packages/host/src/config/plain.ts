/**
 * Whether a value is an object or a list as JSON has them. A config in code may hold others (plugins, transports, instances of
 * classes), which are nobody's to copy or to look into.
 */
export function isPlain(value: unknown): value is Record<string, unknown> | unknown[] {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A function of a config may come from another realm, whose Object is not ours; its prototype has none in turn.
  const isObject = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isObject && Object.getOwnPropertySymbols(value).length === 0;
}

/** Whether a value is an object as JSON has them, and no list. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return isPlain(value) && !Array.isArray(value);
}

/** No config is nested deeper, unless it holds itself. */
const DEPTH = 100;

/** A copy of what is plain; everything else is the same in the copy. @throws Error for what is nested without end */
export function copyPlain(value: unknown, depth = 0): unknown {
  if (!isPlain(value)) return value;
  if (depth > DEPTH) throw new Error(`the config: is nested deeper than ${DEPTH} levels; does something in it hold itself?`);
  if (Array.isArray(value)) return value.map((item) => copyPlain(item, depth + 1));
  const copy: Record<string, unknown> = {};
  // Not by assignment, which would take a key `__proto__` for the prototype.
  for (const [key, item] of Object.entries(value))
    Object.defineProperty(copy, key, { value: copyPlain(item, depth + 1), writable: true, enumerable: true, configurable: true });
  return copy;
}
