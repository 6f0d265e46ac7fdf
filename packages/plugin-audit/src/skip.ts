import { matcher } from "mcp-host";

/** Makes a test of methods that are not recorded, which is asked at every request. */
export function skipper(globs: readonly string[]): (method: string) => boolean {
  if (globs.length === 0) return () => false;
  const matches = matcher(globs);
  const known = new Map<string, boolean>();
  return (method) => {
    const found = known.get(method);
    if (found !== undefined) return found;
    const skips = matches({ name: method, upstream: "", native: method });
    // Clients choose names of methods.
    if (known.size < MOST) known.set(method, skips);
    return skips;
  };
}

const MOST = 1_000;
