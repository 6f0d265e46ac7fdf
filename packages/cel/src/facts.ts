import { type Entry, type Exchange, isObject, type Json, type Principal } from "mcp-host";

/** What a condition can speak of. */
export interface Facts {
  /** The call's arguments; of a completion those that are filled in already. */
  readonly arguments: Readonly<Json>;
  readonly claims: Readonly<Json>;
  readonly roles: readonly string[];
  /** The principal's id. */
  readonly principal: string;
  /** The entry's exposed name or URI, its upstream and its kind. */
  readonly name: string;
  readonly server: string;
  readonly kind: string;
  /** The request's method. */
  readonly method: string;
}

const NOTHING: Readonly<Json> = Object.freeze({});

/** What a condition is told of an entry and a principal; without an exchange, what holds whatever the call is. */
export function factsOf(entry: Entry, principal: Principal, exchange: Exchange | undefined): Facts {
  return {
    arguments: exchange ? argumentsOf(exchange) : NOTHING,
    claims: principal.claims ?? NOTHING,
    roles: principal.roles,
    principal: principal.id,
    name: entry.name,
    server: entry.upstream,
    kind: entry.kind,
    method: exchange?.method ?? "",
  };
}

/** The arguments that are really sent. A completion has those that are filled in, and the one that is asked for. */
function argumentsOf({ method, params }: Exchange): Readonly<Json> {
  if (method !== "completion/complete") return isObject(params.arguments) ? params.arguments : NOTHING;
  const { context, argument } = params;
  const given = isObject(context) && isObject(context.arguments) ? context.arguments : NOTHING;
  return isObject(argument) && typeof argument.name === "string" ? { ...given, [argument.name]: argument.value } : given;
}
