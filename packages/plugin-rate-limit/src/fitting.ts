import { type Exchange, type ExpectedUpstream, globParts, matcher } from "mcp-host";
import type { Condition, Options, Rule } from "./options.ts";

/** Whether something is meant. */
export type Test = (exchange: Exchange) => boolean;

/** What is not counted unless a rule names it: looking after what was counted when it began. */
const ATTENDANT = /^(tasks\/.*|resources\/(un)?subscribe)$/;

/** Whether a rule is about a request that goes to a server. */
export function fits({ methods, per, when, unless }: Rule): Test {
  const wanted = methods && new Set(methods);
  const isToolsAlone = per.includes("tool") || when?.tools !== undefined || unless?.tools !== undefined;
  const isMet = when && conditionOf(when);
  const isExempt = unless && conditionOf(unless);
  return (exchange) => {
    const { method } = exchange;
    if (wanted ? !wanted.has(method) : isToolsAlone ? method !== "tools/call" : ATTENDANT.test(method)) return false;
    return (!isMet || isMet(exchange)) && !isExempt?.(exchange);
  };
}

/** Whether it names what servers do: then what plugins have them do counts, too. */
export function isAboutServers({ per, when, unless }: Rule): boolean {
  const names = [when?.tools, when?.servers, unless?.tools, unless?.servers];
  return per.includes("server") || per.includes("tool") || names.some((each) => each !== undefined);
}

function conditionOf({ tools, servers, roles, principals, endpoints }: Condition): Test {
  const isTool = tools && matcher(tools);
  // A key of a server as the entry of that name: the same globs.
  const isServer = servers && matcher(servers);
  const ids = principals && new Set(principals);
  const places = endpoints && new Set(endpoints);
  return ({ called, entry, route, principal, caller }) => {
    const about = called ?? entry;
    const server = about?.upstream ?? route?.upstream;
    return (
      (!isTool || (about !== undefined && isTool(about))) &&
      (!isServer || (server !== undefined && isServer({ name: server, upstream: server, native: server }))) &&
      (!roles || roles.some((role) => principal.roles.includes(role))) &&
      (!ids || ids.has(principal.id)) &&
      (!places || places.has(caller.endpoint ?? ""))
    );
  };
}

/** What stands for several names in a glob. */
const WILDCARD = /[^A-Za-z0-9_.-]/;

/** The upstreams that rules name: a limit of none is a mistake. What has wildcards may be about servers to come. */
export function namedUpstreams({ rules }: Pick<Options, "rules">): ExpectedUpstream[] {
  const named = rules.flatMap((rule, index) =>
    (["when", "unless"] as const).flatMap((side): ExpectedUpstream[] => {
      const place = `options.rules[${index}].${side}`;
      const servers = (rule[side]?.servers ?? []).map((key, at) => ({ place: `${place}.servers[${at}]`, key }));
      const tools = (rule[side]?.tools ?? []).flatMap((glob, at) => {
        const parts = globParts(glob);
        return parts ? [{ place: `${place}.tools[${at}]`, key: parts.upstream }] : [];
      });
      return [...servers, ...tools];
    }),
  );
  return named.filter(({ key }) => !WILDCARD.test(key));
}
