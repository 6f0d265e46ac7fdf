import { isRefusal } from "../errors.ts";

/**
 * What a plugin threw, as it is, or an error in its place where looking at it throws, too: whoever waits has to be answered, and
 * finds out what was thrown by looking.
 */
export function readable(thrown: unknown): unknown {
  try {
    if (typeof thrown !== "object" && typeof thrown !== "function") return thrown;
    const words = isRefusal(thrown) || thrown instanceof Error ? [thrown.name, thrown.message, typeof thrown.cause] : [thrown];
    words.map(String);
    return thrown;
  } catch {
    return new Error("what was thrown cannot be looked at: that throws, too");
  }
}
