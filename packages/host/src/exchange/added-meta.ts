import { type Json, metaOf } from "../wire/message.ts";
import type { Exchange } from "./exchange.ts";

/** Labels of prefixes that the specification keeps for itself, as in `io.modelcontextprotocol/related-task`. */
const RESERVED: ReadonlySet<string> = new Set(["modelcontextprotocol", "mcp"]);

/** What is added to `_meta`, together, by one who sends. */
export type AddedMeta = Readonly<Json>;

/** What is sent, with what is added to its `_meta` now. */
interface Sent extends Pick<Exchange, "at"> {
  meta: readonly AddedMeta[] | undefined;
}

/** Sends with keys of a plugin's in `_meta`. They are taken back when that is over, whatever else was added meanwhile. */
export function sendWithMeta(exchange: Sent, meta: AddedMeta, send: () => Promise<Json>): Promise<Json> {
  const wrong = Object.keys(meta).find(isReserved);
  if (wrong !== undefined)
    return Promise.reject(
      new TypeError(`withMeta: "${wrong.slice(0, 64)}" is the protocol's own, and cannot be added; choose a prefix of yours`),
    );
  const added = { ...meta };
  exchange.meta = [...(exchange.meta ?? []), added]; // the last of a name counts
  const over = (): void => {
    const rest = exchange.meta?.filter((each) => each !== added);
    exchange.meta = rest?.length === 0 ? undefined : rest;
  };
  return send().finally(over);
}

/** Params with what was added to their `_meta`; what was added as undefined is not there. */
export function withAddedMeta(params: Json, added: readonly AddedMeta[] | undefined): Json {
  if (!added) return params;
  const all: Json = Object.assign({}, metaOf(params), ...added);
  const isWhole = !Object.values(all).includes(undefined);
  const meta = isWhole ? all : Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  if (isWhole || Object.keys(meta).length > 0) return Object.assign({}, params, { _meta: meta });
  const { _meta: _, ...rest } = params;
  return rest;
}

function isReserved(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash === -1) return key === "progressToken";
  const labels = key.slice(0, slash).toLowerCase().split(".");
  return labels.some((label) => RESERVED.has(label));
}
