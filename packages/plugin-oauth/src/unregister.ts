import { isSafeUrl, registerSecret } from "mcp-host";
import { protectedResourceRequest } from "oauth4webapi";
import { requestOptions } from "./clients.ts";
import type { Egress } from "./egress.ts";
import type { ClientRecord } from "./records.ts";

/**
 * Takes back what the host registered itself as (RFC 7592 section 2.3), where the server said how. Never rejects: a registration that stays does no
 * harm. @param server the MCP server for whose sake it is @returns whether the server knows the client no more
 */
export async function unregister({ registration }: ClientRecord, server: string, egress: Egress): Promise<boolean> {
  if (!registration || !isSafeUrl(registration.uri)) return false;
  registerSecret(registration.token);
  try {
    const url = new URL(registration.uri);
    const options = requestOptions(egress, server);
    const { status } = await protectedResourceRequest(registration.token, "DELETE", url, undefined, undefined, options);
    return status === 204 || status === 200;
  } catch {
    return false; // out of reach, or its token is refused
  }
}
