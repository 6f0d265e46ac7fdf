import { ConfigError, globParts, type Logger, matcher, nearest } from "mcp-host";
import type { Options, Rule } from "./options.ts";

/** What stands for several names in a glob. */
const WILDCARD = /[^A-Za-z0-9_.-]/;

/** That there is no such upstream, and what may be meant. */
export function noUpstream(key: string, upstreams: readonly string[]): string {
  const all = upstreams.length > 0 ? `there are ${upstreams.join(", ")}` : "there is none at all";
  return `no upstream is called "${key}"${nearest(key, upstreams) || `; ${all}`}`;
}

interface Named {
  /** Its place in the options. */
  readonly place: string;
  /** The glob, or the part of it that names upstreams. */
  readonly server: string;
  /** What else may be meant. */
  readonly hint: string;
}

/**
 * Checks the upstreams that rules and `isolate` name: a rule about none is a mistake, and one that denies nothing is a dangerous
 * one. What has wildcards and fits none is told in the log, since it may be about servers to come. @throws ConfigError that names all of it
 */
export function checkServers({ rules, isolate }: Pick<Options, "rules" | "isolate">, upstreams: readonly string[], log: Logger): void {
  const all = [...rules.flatMap(inRule), ...isolate.map((server, index) => ({ place: `options.isolate[${index}]`, server, hint: "" }))];
  const problems: string[] = [];
  for (const { place, server, hint } of all) {
    const fits = matcher([server]);
    if (upstreams.some((key) => fits({ name: key, upstream: key, native: key }))) continue;
    if (WILDCARD.test(server)) log.warn("a glob fits no server", { place, glob: server, servers: upstreams.join(", ") });
    else problems.push(`plugin "auth": ${place}: ${noUpstream(server, upstreams)}${hint}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

function inRule({ allow, deny }: Rule, index: number): Named[] {
  const targets = deny ?? allow ?? {};
  return Object.entries(targets).flatMap(([list, globs = []]) =>
    globs.flatMap((glob, at): Named[] => {
      const place = `options.rules[${index}].${deny ? "deny" : "allow"}.${list}[${at}]`;
      if (list === "servers") return [{ place, server: glob, hint: "" }];
      const parts = globParts(glob);
      const hint = list === "resources" ? `; if it is a URI, write "*:${glob}"` : "";
      return parts ? [{ place, server: parts.upstream, hint }] : [];
    }),
  );
}
