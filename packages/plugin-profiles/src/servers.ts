import { type ExpectedUpstream, globParts, type Logger, matcher } from "mcp-host";
import type { Options, ProfileOptions } from "./options.ts";

/** What stands for several names in a glob. */
const WILDCARD = /[^A-Za-z0-9_.-]/;

/** The upstreams that profiles name. What has wildcards may be about servers to come. */
export function namedServers(options: Options): ExpectedUpstream[] {
  return inGlobs(options).filter(({ key }) => !WILDCARD.test(key));
}

/** Tells in the log what has wildcards and fits no upstream. */
export function warnOfGlobs(options: Options, upstreams: readonly string[], log: Logger): void {
  for (const { place, key: glob } of inGlobs(options)) {
    if (!WILDCARD.test(glob)) continue;
    const fits = matcher([glob]);
    if (!upstreams.some((key) => fits({ name: key, upstream: key, native: key })))
      log.warn("a glob fits no server", { place, glob, servers: upstreams.join(", ") });
  }
}

/** Globs of upstreams, those in globs of entries included. */
function inGlobs({ profiles }: Options): ExpectedUpstream[] {
  return Object.entries(profiles).flatMap(([name, profile]) => inProfile(`options.profiles.${name}`, profile));
}

function inProfile(at: string, { servers = [], tools = [], prompts = [], resources = [] }: ProfileOptions): ExpectedUpstream[] {
  return Object.entries({ servers, tools, prompts, resources }).flatMap(([list, globs]) =>
    globs.flatMap((written, index): ExpectedUpstream[] => {
      const place = `${at}.${list}[${index}]`;
      const glob = written.replace(/^!/, "");
      if (list === "servers") return [{ place, key: glob }];
      const parts = globParts(glob);
      const hint = list === "resources" ? `if it is a URI, write "*:${glob}"` : "";
      return parts ? [{ place, key: parts.upstream, hint }] : [];
    }),
  );
}
