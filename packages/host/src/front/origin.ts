import type { IncomingMessage } from "node:http";
import type { HttpOrigin } from "../exchange/exchange.ts";
import { redactText } from "../redact.ts";
import { type NetworkOptions, pathBelow } from "./way-in.ts";

/** What of a request plugins may see afterwards. @param endpoint by which its client came in */
export function originOf({ plugins }: Pick<NetworkOptions, "plugins">, request: IncomingMessage, endpoint: string | undefined): HttpOrigin {
  const { kept } = plugins().edge;
  return Object.freeze({ address: request.socket.remoteAddress ?? "", path: pathBelow(endpoint), headers: keptOf(request, kept) });
}

/** Those of a request's headers that plugins keep. */
export function keptOf({ headers }: IncomingMessage, kept: Iterable<string>): Readonly<Record<string, string>> {
  const own: Record<string, string> = {};
  for (const name of kept) {
    if (Object.hasOwn(headers, name)) own[name] = redactText(String(headers[name])); // a client may write a secret anywhere
  }
  return Object.freeze(own);
}
