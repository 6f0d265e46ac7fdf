import type { Entry } from "./entry.ts";
import { glob } from "./glob.ts";

/**
 * Makes a test of entries from globs. `"files__*"` matches exposed names (a resource's URI); `"files:write_*"` is
 * upstream:native and matches whatever plugins renamed the entry to. `*` crosses every character, since names and URIs
 * are no paths.
 */
export function matcher(patterns: readonly string[]): (entry: Pick<Entry, "name" | "upstream" | "native">) => boolean {
  const tests = patterns.map((pattern) => {
    const { upstream, native } = globParts(pattern) ?? {};
    if (upstream === undefined || native === undefined) {
      const exposed = glob(pattern);
      return (entry: Pick<Entry, "name" | "upstream" | "native">) => exposed(entry.name);
    }
    const key = glob(upstream);
    const name = glob(native);
    return (entry: Pick<Entry, "name" | "upstream" | "native">) => key(entry.upstream) && name(entry.native);
  });
  return (entry) => tests.some((test) => test(entry));
}

/** The parts of a glob that is upstream:native; undefined for one of exposed names. */
export function globParts(pattern: string): { upstream: string; native: string } | undefined {
  // linear: the first part holds no colon, so it ends at one place
  const [, upstream, native] = /^([A-Za-z0-9_.*?-]+):(?!\/\/)(.+)$/.exec(pattern) ?? [];
  return upstream === undefined || native === undefined ? undefined : { upstream, native };
}
