import { type Entry, type Exchange, type ExpectedUpstream, globParts, matcher, uriMatcher } from "mcp-host";
import { ELSEWHERE, type HookOptions, type Match } from "./options.ts";

/** What stands for several names in the part of a glob that is an upstream's. */
const WILDCARD = /[^A-Za-z0-9_.-]/;

/** What a hook is about. */
export interface Scope {
  /** A request: what it names, or what a route makes of that. */
  concerns(exchange: Exchange): boolean;
  /** Something that is listed; undefined where the hook names no such things. */
  readonly fits: ((entry: Entry) => boolean) | undefined;
}

export function scopeOf(match: Match | undefined): Scope {
  const isElsewhere = ({ method, entry }: Exchange): boolean => ELSEWHERE.has(originOf(method, entry));
  if (!match) return { concerns: (exchange) => !isElsewhere(exchange), fits: undefined };
  const { tools, prompts, resources, methods } = match;
  const isResource = resources && spelt(resources);
  const tests: Partial<Record<Entry["kind"], (entry: Entry) => boolean>> = {
    ...(tools && { tool: matcher(tools) }),
    ...(prompts && { prompt: matcher(prompts) }),
    ...(isResource && { resource: isResource, template: isResource }),
  };
  const isMethod = methods && matcher(methods);
  const fits = (entry: Entry): boolean => tests[entry.kind]?.(entry) === true;
  return {
    fits: Object.keys(tests).length > 0 ? fits : undefined,
    concerns(exchange) {
      const { entry, called, method } = exchange;
      if (isElsewhere(exchange)) return false;
      if ((entry && fits(entry)) || (called && called !== entry && fits(called))) return true;
      return isMethod?.({ name: originOf(method, entry), upstream: "", native: method }) === true;
    },
  };
}

/** The answer to `tasks/result` is one to the request that began the task. */
export function originOf(method: string, entry: Entry | undefined): string {
  if (method !== "tasks/result") return method;
  switch (entry?.kind) {
    case "prompt":
      return "prompts/get";
    case "resource":
    case "template":
      return "resources/read";
    default:
      return "tools/call";
  }
}

/** A URI that no server lists was spelt by the client: any spelling that may mean the same is asked about. */
function spelt(globs: readonly string[]): (entry: Entry) => boolean {
  const exact = matcher(globs);
  const lenient = uriMatcher(globs);
  const test = (entry: Entry): boolean => (entry.kind === "template" ? exact(entry) : lenient.any(entry));
  // Where two servers have a URI, one of them is exposed with a prefix; a hook about the URI is about both.
  return (entry) => test(entry) || (entry.name !== entry.native && test({ ...entry, name: entry.native }));
}

/** The upstreams that hooks name: a hook about none checks nothing. What has wildcards may be about servers to come. */
export function namedUpstreams(hooks: readonly HookOptions[]): ExpectedUpstream[] {
  return hooks.flatMap(({ match = {} }, index) =>
    (["tools", "prompts", "resources"] as const).flatMap((kind) =>
      (match[kind] ?? []).flatMap((glob, at): ExpectedUpstream[] => {
        const key = globParts(glob)?.upstream;
        return key === undefined || WILDCARD.test(key) ? [] : [{ place: `options.hooks[${index}].match.${kind}[${at}]`, key }];
      }),
    ),
  );
}
