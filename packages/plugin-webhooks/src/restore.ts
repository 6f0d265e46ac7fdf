import { isDeepStrictEqual } from "node:util";
import { isObject, redactText } from "mcp-host";
import { malformed } from "./failure.ts";

/**
 * What a hook gave back of what it was shown, with what was taken out of that put in again wherever it left it alone.
 * @param shown a copy of `whole` without secrets, in which what held none is the same object
 * @throws HookFailure where that cannot be told
 */
export function restored(given: unknown, shown: unknown, whole: unknown): unknown {
  if (shown === whole) return given;
  if (isDeepStrictEqual(given, shown)) return whole;
  if (Array.isArray(given) && Array.isArray(shown) && Array.isArray(whole)) return restoredItems(given, shown, whole);
  if (isObject(given) && isObject(shown) && isObject(whole)) {
    const names = new Map(Object.keys(whole).map((key) => [redactText(key), key]));
    if (names.size < Object.keys(whole).length)
      throw malformed("changes an object with several names that are secrets; give a patch and not the payload");
    return Object.fromEntries(
      Object.entries(given).map(([key, value]) => {
        const name = names.get(key);
        return name === undefined ? [key, value] : [name, restored(value, shown[key], whole[name])];
      }),
    );
  }
  return given; // what it changed it has not seen whole, and means as it is
}

/** Of a list with as many items each is compared with the one at its place, of any other with those that are the same. */
function restoredItems(given: readonly unknown[], shown: readonly unknown[], whole: readonly unknown[]): unknown[] {
  if (given.length === shown.length) return given.map((item, index) => restored(item, shown[index], whole[index]));
  const left = new Map<string, unknown[]>();
  for (const [index, item] of shown.entries()) {
    const key = JSON.stringify(item);
    const same = left.get(key);
    if (same) same.push(whole[index]);
    else left.set(key, [whole[index]]);
  }
  return given.map((item) => {
    const same = left.get(JSON.stringify(item));
    return same && same.length > 0 ? same.shift() : item;
  });
}
