import type http from "node:http";
import type { IncomingMessage } from "node:http";
import type { ListenConfig } from "../config/schema.ts";
import type { Limits } from "../wire/limits.ts";
import { FrontResponse } from "./response.ts";

export type Server = http.Server<typeof IncomingMessage, typeof FrontResponse>;

/** What the server of a host that listens itself is made with. @param Request the class of its requests */
export function serverOptions(
  { headerBytes }: Limits,
  Request: typeof IncomingMessage,
): http.ServerOptions<typeof IncomingMessage, typeof FrontResponse> {
  return {
    maxHeaderSize: headerBytes,
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 5_000,
    noDelay: true,
    IncomingMessage: Request,
    ServerResponse: FrontResponse,
  };
}

/** Why an address cannot be listened on, and what to do. */
export function listenFailure(error: NodeJS.ErrnoException, { host, port }: ListenConfig): string {
  if (error.code === "EADDRINUSE") return `listen.port: ${port} is in use on ${host}; choose another with --port, or 0 for any free one`;
  if (error.code === "EACCES") return `listen.port: ${port} may not be used by this user; choose one above 1023`;
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND") return `listen.host: "${host}" is not an address of this machine`;
  return `listen: ${error.message}`;
}
