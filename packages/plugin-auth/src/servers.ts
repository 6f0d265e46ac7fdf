import { type ExpectedUpstream, globParts, type Logger, matcher } from "mcp-host";
import type { Options, Rule } from "./options.ts";

/** What stands for several names in a glob. */
const WILDCARD = /[^A-Za-z0-9_.-]/;

/**
 * The upstreams that rules, `isolate` and `credentials` name: a rule about none is a mistake, and one that denies nothing is a
 * dangerous one. What has wildcards may be about servers to come.
 */
export function namedServers({ rules, isolate, credentials }: Pick<Options, "rules" | "isolate" | "credentials">): ExpectedUpstream[] {
  return [
    ...inGlobs({ rules, isolate }).filter(({ key }) => !WILDCARD.test(key)),
    ...Object.keys(credentials).map((key) => ({ place: `options.credentials["${key}"]`, key })),
  ];
}

/** Tells in the log what has wildcards and fits no upstream. */
export function warnOfGlobs(options: Pick<Options, "rules" | "isolate">, upstreams: readonly string[], log: Logger): void {
  for (const { place, key: glob } of inGlobs(options)) {
    if (!WILDCARD.test(glob)) continue;
    const fits = matcher([glob]);
    if (upstreams.some((key) => fits({ name: key, upstream: key, native: key }))) continue;
    log.warn("a glob fits no server", { place, glob, servers: upstreams.join(", ") });
  }
}

/** Globs of upstreams, those in globs of entries included. */
function inGlobs({ rules, isolate }: Pick<Options, "rules" | "isolate">): ExpectedUpstream[] {
  return [...rules.flatMap(inRule), ...isolate.map((key, index) => ({ place: `options.isolate[${index}]`, key }))];
}

function inRule({ allow, deny }: Rule, index: number): ExpectedUpstream[] {
  const targets = deny ?? allow ?? {};
  return Object.entries(targets).flatMap(([list, globs = []]) =>
    globs.flatMap((glob, at): ExpectedUpstream[] => {
      const place = `options.rules[${index}].${deny ? "deny" : "allow"}.${list}[${at}]`;
      if (list === "servers") return [{ place, key: glob }];
      const parts = globParts(glob);
      const hint = list === "resources" ? `if it is a URI, write "*:${glob}"` : "";
      return parts ? [{ place, key: parts.upstream, hint }] : [];
    }),
  );
}
