import type { ListenConfig } from "../config/schema.ts";

/** Why an address cannot be listened on, and what to do. */
export function listenFailure(error: NodeJS.ErrnoException, { host, port }: ListenConfig): string {
  if (error.code === "EADDRINUSE") return `listen.port: ${port} is in use on ${host}; choose another with --port, or 0 for any free one`;
  if (error.code === "EACCES") return `listen.port: ${port} may not be used by this user; choose one above 1023`;
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND") return `listen.host: "${host}" is not an address of this machine`;
  return `listen: ${error.message}`;
}
