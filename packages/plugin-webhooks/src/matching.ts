import { type Entry, type Exchange, type ExpectedUpstream, globParts, matcher, uriMatcher } from "mcp-host";
import type { HookOptions, Match } from "./options.ts";

/** What stands for several names in the part of a glob that is an upstream's. */
const WILDCARD = /[^A-Za-z0-9_.-]/;

/** What the host answers itself, or what is about something that was asked about before. */
const ELSEWHERE = /^(initialize|ping|logging\/setLevel|server\/discover|subscriptions\/listen|(tools|prompts|resources|resources\/templates)\/list)$/;

/** Whether a hook is about a request: about what it names, or about what a route makes of that. */
export function concerns(match: Match | undefined): (exchange: Exchange) => boolean {
  if (!match) return ({ method }) => !ELSEWHERE.test(method);
  const { tools, prompts, resources, methods } = match;
  const isTool = tools && matcher(tools);
  const isPrompt = prompts && matcher(prompts);
  const isResource = resources && spelt(resources);
  const isMethod = methods && matcher(methods);
  const fits = (entry: Entry): boolean => {
    switch (entry.kind) {
      case "tool":
        return isTool?.(entry) === true;
      case "prompt":
        return isPrompt?.(entry) === true;
      case "resource":
      case "template":
        return isResource?.(entry) === true;
      case "method":
        return false;
    }
  };
  return ({ entry, called, method }) =>
    !ELSEWHERE.test(method) &&
    ((entry !== undefined && fits(entry)) ||
      (called !== undefined && called !== entry && fits(called)) ||
      isMethod?.({ name: originOf(method, entry), upstream: "", native: method }) === true);
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
