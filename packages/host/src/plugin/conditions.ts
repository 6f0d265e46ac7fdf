import type { FullTap } from "tapable";
import type { PluginCondition } from "../config/plugin-schema.ts";
import type { Caller } from "../exchange/caller.ts";
import type { Entry } from "../exchange/entry.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { glob } from "../exchange/glob.ts";
import { matcher } from "../exchange/matcher.ts";
import type { HookDefinition } from "./hook-definition.ts";
import type { Handler, Subject } from "./hook-types.ts";

/** What an exchange is about: the entry that is really called. */
export function aboutExchange({ called, entry, route, parent, caller }: Exchange): Subject {
  const about = called ?? entry;
  // A question belongs to the call that it was asked for.
  const own = about ?? (route ? parent?.called : undefined);
  return { ...aboutCaller(caller), entry: own, server: own?.upstream ?? route?.upstream };
}

export function aboutCaller({ principal, endpoint = "" }: Caller): Subject {
  return { principal, endpoint };
}

type Test = (subject: Subject) => boolean;

/** What an entry of the config says under `when`, as a test. */
export function conditionOf({ tools, servers, roles, endpoints }: PluginCondition): Test {
  const isTool = tools && matcher(tools);
  const globs = servers?.map(glob);
  const wanted = endpoints && new Set(endpoints);
  return ({ entry, server = entry?.upstream, principal, endpoint }) =>
    (!isTool || (entry?.kind === "tool" && isTool(entry))) &&
    (!globs || (server !== undefined && globs.some((test) => test(server)))) &&
    (!roles || roles.some((role) => principal?.roles.includes(role))) &&
    (!wanted || (endpoint !== undefined && wanted.has(endpoint)));
}

/** A guarded tap that is as if it were not there wherever the condition is not met. */
export function conditional(tap: FullTap, { kind, composed, about, partial }: HookDefinition, isMet: Test): FullTap {
  const run = tap.fn as (...args: unknown[]) => unknown;
  if (composed) return { ...tap, fn: around(run as Make, isMet) as FullTap["fn"] };
  if (partial) return { ...tap, fn: ofSome(run as Filter, isMet) as FullTap["fn"] };
  const subjectOf = about as (...args: unknown[]) => Subject; // the table has it for this hook's arguments; who has none may have no condition
  const fn = kind.startsWith("Async")
    ? (...args: unknown[]) => (isMet(subjectOf(...args)) ? run(...args) : (args.at(-1) as (error: null) => void)(null)) // tapable's callback comes last
    : (...args: unknown[]) => (isMet(subjectOf(...args)) ? run(...args) : undefined);
  return { ...tap, fn: fn as FullTap["fn"] };
}

type Make = (next: Handler, upstream: unknown) => Handler | undefined;

/** Handlers are made once for all exchanges, so each is asked about when it comes. */
function around(make: Make, isMet: Test): Make {
  return (next, upstream) => {
    const handler = make(next, upstream);
    return handler && ((exchange) => (isMet(aboutExchange(exchange)) ? handler(exchange) : next(exchange)));
  };
}

type Filter = (entries: readonly Entry[], caller: Caller) => readonly Entry[] | undefined;

/** Of a list the tap is given the entries that are meant; the others stay where they are. */
function ofSome(run: Filter, isMet: Test): Filter {
  return (entries, caller) => {
    const about = aboutCaller(caller);
    const meant = new Set(entries.filter((entry) => isMet({ ...about, entry })));
    if (meant.size === 0) return undefined;
    const left = [...(run([...meant], caller) ?? meant)];
    return [...entries.flatMap((entry) => (meant.has(entry) ? (left.shift() ?? []) : entry))];
  };
}
