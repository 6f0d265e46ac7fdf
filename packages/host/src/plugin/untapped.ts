import { nearest } from "../config/nearest.ts";
import { METHODS, type Method } from "../exchange/methods.ts";
import type { HookDefinition } from "./hook-definition.ts";
import { HOOKS, type HookName } from "./hooks.ts";

/*
 * Taps that would be made and never run: of a hook that is not there, of a method that does not come to it.
 */

/** What servers ask clients (MCP 2025-11-25): it passes hooks of its own. */
const QUESTIONS: readonly string[] = ["sampling/createMessage", "elicitation/create", "roots/list"];

/** What the host deals with itself, and what servers tell clients (MCP 2025-11-25). */
const NOTIFICATIONS: readonly string[] = [
  ...["initialized", "cancelled", "progress", "message", "tasks/status", "elicitation/complete", "resources/updated"],
  ...["roots", "tools", "prompts", "resources"].map((list) => `${list}/list_changed`),
].map((name) => `notifications/${name}`);

const rows: readonly (readonly [string, HookDefinition])[] = Object.entries(HOOKS);
const KNOWN = Object.keys(METHODS) as Method[]; // its keys are those
const FAMILIES = new Set(KNOWN.filter((method) => method.includes("/")).map(familyOf));
/** A family of a server's own must be further from one of MCP's than a slip of the finger. */
const SLIP = 2;

/** What is said of a hook that is not there. */
export function noHook(name: string): string {
  return `there is no such hook${nearest(name, Object.keys(HOOKS))}; \`mcp-host inspect\` lists them`;
}

/** Why taps of a hook by method would never run for this one; undefined where they would. */
export function neverRuns(hook: string, { passes }: HookDefinition, method: unknown): string | undefined {
  if (method === "*" || passes === undefined) return undefined;
  if (typeof method !== "string") return `it takes a method, or "*" for all, and not ${method === null ? "null" : typeof method}`;
  const known = KNOWN.find((each) => each === method);
  if (known) return passes(METHODS[known]) ? undefined : `${method} never comes to it; ${elsewhere(known)}`;
  if (QUESTIONS.includes(method)) return `${method} is what servers ask clients; tap hooks.ask, and hooks.answer for what comes back`;
  if (NOTIFICATIONS.includes(method)) return `${method} never comes to it; what servers tell clients is for hooks.notify`;
  if (familyOf(method) === "notifications")
    return hook === "transform"
      ? undefined
      : `${method} is never answered; a client's notification that the host does not know passes transform alone`;
  const isOwn = method.includes("/") && !FAMILIES.has(familyOf(method));
  const meant = nearest(method, KNOWN, isOwn ? SLIP : undefined);
  if (isOwn && meant === "") return undefined;
  return `the host knows no method "${method}"${meant}; one of a server's own that is called so is tapped with for("*")`;
}

/** What is said of a hook that has no taps by method, where somebody asks for them. */
export function notByMethod(hook: HookName, plugin = "name"): string {
  const { args } = HOOKS[hook] as HookDefinition;
  const rows = {
    entry: "`entry.kind` says what it is",
    exchange: "`exchange.method` says which it is",
    entries: "each entry has its `kind`",
  };
  const [, where] = Object.entries(rows).find(([arg]) => args.includes(arg)) ?? [];
  return `${hook} is for all methods; tap hooks.${hook}.tap("${plugin}", ...)${where === undefined ? "" : `, where ${where}`}`;
}

/** What is wrong with the first argument of `tap`; undefined where it is a name. */
export function wrongName(given: unknown, site: string): string | undefined {
  const name: unknown = typeof given === "object" && given !== null && "name" in given ? given.name : given;
  if (typeof name === "string" && name.trim() !== "") return undefined;
  const what = typeof name === "function" ? "a function" : name === "" ? "an empty text" : typeof name;
  return `taps hooks.${site} without a name, but with ${what} in its place: write tap(name, function), with the plugin's name`;
}

/** The hooks by method that a method's requests come to. */
function elsewhere(method: Method): string {
  if (METHODS[method].respond === "origin") return "its answer passes the respond taps of the request that began the task";
  const hooks = rows.filter(([, { passes }]) => passes?.(METHODS[method])).map(([name]) => name);
  return hooks.length === 0 ? "the host answers it itself" : `it comes to ${hooks.join(", ")}`;
}

function familyOf(method: string): string {
  return method.slice(0, method.indexOf("/"));
}
