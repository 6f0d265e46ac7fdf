import { isRefusal } from "../errors.ts";
import { framesOf, placeOf } from "../log.ts";

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

/** Why a plugin is not applied. */
export function notApplied(plugin: string, thrown: unknown): string {
  return withPlace(`plugin "${plugin}" could not be applied: ${thrown instanceof Error ? thrown.message : String(thrown)}`, thrown);
}

/** Words of an error with file and line of where it was thrown, for whoever starts the host. */
export function withPlace(words: string, thrown: unknown): string {
  const [frame] = framesOf(thrown);
  return frame === undefined ? words : `${words} (at ${placeOf(frame)})`;
}
