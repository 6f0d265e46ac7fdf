import { HostError } from "../errors.ts";
import { LISTS } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { MethodRow } from "../exchange/methods.ts";
import type { Json } from "../wire/message.ts";

/** `transform` may not change what is called; the host writes the native names afterwards. */
export function checkParamEdits({ method, original }: HostExchange, row: MethodRow, params: Readonly<Json>): Readonly<Json> {
  const written = row.readonly.find((field) => params[field] !== original[field]);
  if (written === undefined) return params;
  throw new HostError(
    "plugin_failure",
    `a plugin changed params.${written} of ${method} in transform, which is read-only; use route or discover`,
  );
}

/** `respond` may edit the fields of a list's entries; which entries there are, and their names, is for `permit` and `discover`. */
export function checkListEdits(method: string, before: Readonly<Json>, after: Readonly<Json>): void {
  const list = Object.values(LISTS).find((each) => each.method === method);
  if (!list || before === after) return;
  const names = (result: Readonly<Json>): string =>
    JSON.stringify((result[list.field] as Json[] | undefined)?.map((entry) => entry[list.key]));
  if (names(before) !== names(after))
    throw new HostError("plugin_failure", `a plugin added, dropped or renamed entries of ${method} in respond; use permit or discover`);
}
