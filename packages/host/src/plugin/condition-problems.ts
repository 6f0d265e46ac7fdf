import { nearest } from "../config/nearest.ts";
import type { PluginCondition } from "../config/plugin-schema.ts";
import { ConfigError } from "../errors.ts";
import { globParts } from "../exchange/matcher.ts";

const WILD = /[*?]/;

/** What there is that a condition may name. */
interface There {
  readonly servers: readonly string[];
  readonly endpoints: readonly string[];
}

/** A condition that nothing can meet would take its plugin away without a word. @throws ConfigError with every such one */
export function checkConditions(
  plugins: readonly { readonly id: string; readonly loaded: { readonly owner: { readonly when?: PluginCondition | undefined } } }[],
  there: There,
): void {
  const problems = plugins.flatMap(({ id, loaded: { owner } }) => (owner.when ? problemsOf(id, owner.when, there) : []));
  if (problems.length > 0) throw new ConfigError(problems);
}

/**
 * What a condition names that is not there, so that a plugin would silently never be: servers and endpoints that are not wild,
 * and globs that look as if they took something out.
 */
function problemsOf(plugin: string, { tools = [], servers = [], endpoints = [] }: PluginCondition, there: There): string[] {
  const missing = (what: string, name: string, known: readonly string[]): string => {
    const others = known.length === 0 ? "there is none" : `there ${known.length === 1 ? "is" : "are"} ${known.join(", ")}`;
    return `no ${what} is called "${name}"${nearest(name, known) || `; ${others}`}`;
  };
  const isMissing = (server: string): boolean => !WILD.test(server) && !there.servers.includes(server);
  return [
    ...tools.flatMap((tool, index) => {
      const place = `plugin "${plugin}": when.tools[${index}]`;
      if (tool.startsWith("!")) return [`${place}: "${tool}" takes nothing out; name the tools that are meant`];
      const { upstream } = globParts(tool) ?? {};
      return upstream !== undefined && isMissing(upstream) ? [`${place}: ${missing("upstream", upstream, there.servers)}`] : [];
    }),
    ...servers.flatMap((server, index) =>
      isMissing(server) ? [`plugin "${plugin}": when.servers[${index}]: ${missing("upstream", server, there.servers)}`] : [],
    ),
    ...endpoints.flatMap((name, index) =>
      name !== "" && !there.endpoints.includes(name)
        ? [`plugin "${plugin}": when.endpoints[${index}]: ${missing("endpoint", name, there.endpoints)}`]
        : [],
    ),
  ];
}
