import type { RpcError } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import { type Entry, LISTS } from "../exchange/entry.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { rowOf } from "../exchange/methods.ts";
import { isObject, type Json } from "../wire/message.ts";

/*
 * The rules that what a tap gives is held to, for the table of hooks. Each gives what is wrong, in words for an author.
 */

/** `principal` adds to who somebody is, and makes nobody another. */
export function noPrincipal(after: Readonly<Principal>, before: Readonly<Principal>): string | undefined {
  if (after === before) return undefined;
  const { id, roles, claims, binding } = after;
  if (id !== before.id) return "the tap changed the principal's id; who somebody is, authenticate says";
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === "string"))
    return "the tap gave a principal whose roles are no array of strings";
  if (claims !== undefined && !isObject(claims)) return "the tap gave a principal whose claims are no object";
  return binding === undefined || typeof binding === "string" ? undefined : "the tap gave a principal whose binding is no string";
}

/** `discover` and `merge` hide, rename and re-describe; what there is to call, they are given. */
export function invented(after: readonly Entry[], before: readonly Entry[]): string | undefined {
  if (after === before) return undefined;
  const keyOf = ({ kind, upstream, native }: Entry): string => `${kind} ${upstream} ${native}`;
  const known = new Set(before.map(keyOf));
  const isKnown = (entry: Entry): boolean =>
    // What stands for several has to stand for what there is.
    known.has(keyOf(entry)) ||
    (entry.members !== undefined && entry.members.length > 0 && entry.members.every((member) => known.has(keyOf({ ...entry, ...member }))));
  const made = after.find((entry) => !isKnown(entry));
  return made && `the tap invented ${made.kind} "${made.native}" of "${made.upstream}"; offer it with host.offer instead`;
}

/** `list` leaves out and reorders. */
export function notOffered(after: readonly Entry[], before: readonly Entry[]): string | undefined {
  if (after === before) return undefined;
  const given = new Set(before);
  for (const entry of after)
    if (!given.delete(entry))
      return `the tap gave ${entry.kind} "${entry.name}", which it was not given, or gave it twice; edit entries in discover or respond`;
  return undefined;
}

/** `transform` may not change what is called; the host writes the native names afterwards. */
export function changedParams(params: Readonly<Json>, _before: Readonly<Json>, { method, original }: Exchange): string | undefined {
  const written = rowOf(method).readonly.find((field) => params[field] !== original[field]);
  return written === undefined ? undefined : `the tap changed params.${written} of ${method}, which is read-only; use route or discover`;
}

/** `respond` may edit the fields of a list's entries; which entries there are, and their names, is for `permit`, `list` and `discover`. */
export function changedList(after: Readonly<Json>, before: Readonly<Json>, { method }: Exchange): string | undefined {
  if (before === after) return undefined;
  const list = Object.values(LISTS).find((each) => each.method === method);
  if (!list) return undefined;
  const names = (result: Readonly<Json>): string =>
    JSON.stringify((result[list.field] as Json[] | undefined)?.map((entry) => entry[list.key])); // what the catalog made
  return names(before) === names(after)
    ? undefined
    : `the tap added, dropped or renamed entries of ${method}; use permit, list or discover`;
}

/** An error has an integer for a code and a text for a message (JSON-RPC 2.0, section 5.1). */
export function changedError({ code, message }: Readonly<RpcError>): string | undefined {
  return Number.isSafeInteger(code) && typeof message === "string" ? undefined : "the tap gave no error with an integer code and a message";
}
