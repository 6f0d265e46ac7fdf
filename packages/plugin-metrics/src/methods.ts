import type { Exchange, Method } from "mcp-host";

/** Every request that MCP has; the type holds those of clients together with what the host knows. */
const KNOWN: Record<Method | "sampling/createMessage" | "elicitation/create" | "roots/list", true> = {
  initialize: true,
  "server/discover": true,
  "subscriptions/listen": true,
  ping: true,
  "logging/setLevel": true,
  "tools/list": true,
  "prompts/list": true,
  "resources/list": true,
  "resources/templates/list": true,
  "tools/call": true,
  "prompts/get": true,
  "resources/read": true,
  "resources/subscribe": true,
  "resources/unsubscribe": true,
  "completion/complete": true,
  "tasks/get": true,
  "tasks/result": true,
  "tasks/cancel": true,
  "tasks/update": true,
  "tasks/list": true,
  "sampling/createMessage": true,
  "elicitation/create": true,
  "roots/list": true,
};

export const OTHER = "other";

/** A method as a label: clients and servers can invent any number of others. */
export function methodLabel(method: string): string {
  return Object.hasOwn(KNOWN, method) ? method : OTHER;
}

/** Which upstream an exchange was for; empty where the host answered itself. */
export function upstreamLabel({ route, entry }: Exchange): string {
  return route?.upstream ?? entry?.upstream ?? "";
}
