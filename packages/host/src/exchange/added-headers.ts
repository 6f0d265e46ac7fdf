import { isHeaderName, isHeaderValue } from "../wire/headers.ts";
import type { AddedHeader } from "../wire/link.ts";
import type { Json } from "../wire/message.ts";
import type { Exchange } from "./exchange.ts";

/** What the protocol sets, what describes the body, and what is for one hop (RFC 9110, section 7.6.1). */
const RESERVED =
  /^(host|accept|accept-.+|content-.+|mcp-.+|last-event-id|sec-.+|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|proxy-connection)$/;
/** What says who somebody is. */
const CREDENTIALS = /^(authorization|proxy-.+|cookie|set-cookie|x-api-key)$/;

/** What is sent, with the headers that are added to it now. */
interface Sent extends Pick<Exchange, "at"> {
  headers: readonly AddedHeader[] | undefined;
}

/** Sends with headers of a plugin's besides the connection's. They are taken back when that is over, whatever else was added meanwhile. */
export function sendWithHeaders(exchange: Sent, headers: Readonly<Record<string, string>>, send: () => Promise<Json>): Promise<Json> {
  const wrong = Object.entries(headers)
    .map(([name, value]) => problemOf(name, value))
    .find((problem) => problem !== undefined);
  if (wrong !== undefined) return Promise.reject(new TypeError(`withHeaders: ${wrong}`));
  const by = exchange.at?.plugin;
  const added = Object.entries(headers).map(([name, value]): AddedHeader => ({ name: name.toLowerCase(), value, by }));
  exchange.headers = [...(exchange.headers ?? []), ...added]; // the last of a name counts
  const over = (): void => {
    const rest = exchange.headers?.filter((each) => !added.includes(each));
    exchange.headers = rest?.length === 0 ? undefined : rest;
  };
  return send().finally(over);
}

/** What is wrong with a header, without its value. */
function problemOf(given: string, value: unknown): string | undefined {
  const name = given.toLowerCase();
  if (!isHeaderName(name)) return `"${given.slice(0, 64)}" is no name of a header`;
  if (CREDENTIALS.test(name)) return `"${name}" holds credentials, which belong to a connection: give them in a tap of \`credentials\``;
  if (RESERVED.test(name)) return `"${name}" is the protocol's own, or that of one hop, and cannot be added`;
  if (typeof value !== "string" || !isHeaderValue(value)) return `"${name}" has a value that no header may have`;
  return undefined;
}
