import type { Method } from "../exchange/methods.ts";
import type { Directory } from "../pipeline/directory.ts";
import { offersTasks } from "../upstream/capabilities.ts";
import { isObject, type Json } from "../wire/message.ts";
import { hasTasks } from "../wire/tasks.ts";
import { ModernCaller } from "./modern-caller.ts";
import type { Requester } from "./requester.ts";

/** The capability without which a server has no such method (2025-11-25: lifecycle, and each feature's own page). */
const NEEDED: { readonly [method in Method]?: readonly string[] } = {
  "logging/setLevel": ["logging"],
  "tools/list": ["tools"],
  "tools/call": ["tools"],
  "prompts/list": ["prompts"],
  "prompts/get": ["prompts"],
  "resources/list": ["resources"],
  "resources/templates/list": ["resources"],
  "resources/read": ["resources"],
  "resources/subscribe": ["resources", "subscribe"],
  "resources/unsubscribe": ["resources", "subscribe"],
  "completion/complete": ["completions"],
  "tasks/list": ["tasks", "list"],
  "tasks/get": ["tasks"],
  "tasks/result": ["tasks"],
  "tasks/cancel": ["tasks", "cancel"],
  "tasks/update": ["tasks", "update"], // which nobody has: it is of the modern era
};

/**
 * Whether a method is there for a client: somebody has what it needs, or the client was told so, perhaps when a server was
 * not there yet to say that it has not; what it was told holds.
 */
export function isDeclared(directory: Directory, requester: Requester, method: string): boolean {
  if (requester instanceof ModernCaller && method.startsWith("tasks/"))
    return hasTasks(requester.declared) || someOffersTasks(directory, requester);
  const needed = Object.hasOwn(NEEDED, method) ? NEEDED[method as Method] : undefined;
  if (!needed || has(requester.declared, needed)) return true;
  for (const upstream of directory.upstreams.values()) {
    const { server } = upstream.connectionFor(requester);
    if (!server || has(server.capabilities, needed)) return true; // one that never said anything may have everything
  }
  return false;
}

function has(capabilities: Readonly<Json>, path: readonly string[]): boolean {
  let value: unknown = capabilities;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value !== undefined && value !== null && value !== false;
}

function someOffersTasks(directory: Directory, requester: Requester): boolean {
  return [...directory.upstreams.values()].some((upstream) => {
    const { server } = upstream.connectionFor(requester);
    return !server || offersTasks(server); // as above
  });
}
