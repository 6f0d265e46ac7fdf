import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { ResolvedConfig } from "../config/schema.ts";
import { isLoadedAlike, type LoadedPlugin } from "./load.ts";

/** What a plugin was made of and looked at while it was applied. */
interface Applied<P> {
  readonly id: string;
  readonly loaded: LoadedPlugin;
  /** Parts of the config. */
  readonly looked: ReadonlySet<string>;
  /** Files, each with a mark of what it held. */
  readonly files: ReadonlyMap<string, string>;
  /** Who provided the services that it asked for. */
  readonly found: ReadonlyMap<symbol, P | undefined>;
}

/** The plugins of a set that a new config does not concern: a reload takes them over as they are. */
export function untouched<P extends Applied<P>>(
  loaded: readonly LoadedPlugin[],
  config: ResolvedConfig,
  before: { readonly plugins: readonly P[]; readonly config: ResolvedConfig } | undefined,
): P[] {
  if (!before) return [];
  const same = before.plugins.filter((plugin) => {
    const now = loaded.find(({ owner }) => owner.id === plugin.id);
    if (now === undefined || !isLoadedAlike(plugin.loaded, now)) return false;
    const holdsTheSame = [...plugin.files].every(([file, mark]) => contentMark(file) === mark);
    return holdsTheSame && [...plugin.looked].every((part) => looksAlike(part, before.config, config));
  });
  // Whoever uses what another provides goes with it.
  for (let count = -1; count !== same.length; ) {
    count = same.length;
    for (const [index, plugin] of [...same.entries()].reverse())
      if ([...plugin.found.values()].some((provider) => provider && provider !== plugin && !same.includes(provider))) same.splice(index, 1);
  }
  return same;
}

/** Another for every content of a file, and for why it cannot be read. */
export function contentMark(file: string): string {
  try {
    return createHash("sha256").update(readFileSync(file)).digest("base64");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "unreadable"; // fs throws nothing else
  }
}

function looksAlike(part: string, before: ResolvedConfig, now: ResolvedConfig): boolean {
  const key = part as keyof ResolvedConfig; // whatever else was asked for is undefined in both
  return isDeepStrictEqual(before[key], now[key]);
}
