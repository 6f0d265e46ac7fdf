import type { AnyUpstreamConfig } from "../config/offered.ts";
import type { Caller } from "../exchange/caller.ts";
import type { UpstreamFacts } from "../exchange/upstream-facts.ts";
import { isObject, type Json } from "../wire/message.ts";
import { hasTasks, TASKS } from "../wire/tasks.ts";
import { isModern } from "../wire/versions.ts";
import type { ServerFacts } from "./handshake.ts";

/** Names with the names that may stand below them. */
interface Tree {
  readonly [name: string]: Tree;
}

/** What a client may be asked: capabilities whose requests go from server to client, with the parts that the specification names. */
const REVERSE: Tree = {
  sampling: { context: {}, tools: {} },
  elicitation: { form: {}, url: {} },
  // Not listChanged: whose roots changed could not be told on a connection of several clients.
  roots: {},
  tasks: { list: {}, cancel: {}, requests: { sampling: { createMessage: {} }, elicitation: { create: {} } } },
};

/**
 * The part of a client's capabilities that a connection shared by capability set declares: only what the specification
 * names, and of that only whether it is there, so that the number of sets stays small whatever clients send.
 */
export function capabilitySet(capabilities: Readonly<Json>): Json {
  const set: Json = {};
  for (const [name, parts] of Object.entries(REVERSE)) if (isObject(capabilities[name])) set[name] = pruned(capabilities[name], parts);
  return set;
}

function pruned(declared: Readonly<Json>, tree: Tree): Json {
  const kept: Json = {};
  for (const [name, parts] of Object.entries(tree)) {
    const value = declared[name];
    if (value !== undefined && value !== false && value !== null) kept[name] = isObject(value) ? pruned(value, parts) : {};
  }
  return kept;
}

/** The capabilities that an exclusive connection declares: the client's own, as they came (roots by leave of the config). */
export function mirroredCapabilities(caller: Caller, wire: UpstreamFacts["wire"], config: AnyUpstreamConfig): Json {
  const { roots, extensions, ...others } = caller.capabilities;
  // Those of the modern era are not of the legacy one, and asked for by the request there.
  const rest = extensions === undefined || isModern(caller.client.version) ? others : { ...others, extensions };
  if (roots === undefined) return rest;
  // A stdio server may take its allowed folders from roots: a network client must not choose them.
  return caller.network && wire === "stdio" && !config.relayRoots ? rest : { ...rest, roots };
}

/** What a server of the modern era is told that a caller can be asked, and whether it takes tasks; those of the legacy era are others. */
export function askedCapabilities(caller: Caller, wire: UpstreamFacts["wire"], config: AnyUpstreamConfig): Json {
  const { tasks: _, ...asked } = capabilitySet(mirroredCapabilities(caller, wire, config));
  return takesTasks(caller) ? { ...asked, ...TASKS } : asked;
}

/** The same for a request whose sender waits for the result. */
export function withoutTasks({ extensions: _, ...asked }: Json): Json {
  return asked;
}

/** Whether a caller takes a task in the place of a result. */
export function takesTasks({ client, capabilities }: Pick<Caller, "client" | "capabilities">): boolean {
  return isModern(client.version) && hasTasks(capabilities);
}

/** Whether calls of a server's tools may become tasks. */
export function offersTasks({ era, capabilities }: Pick<ServerFacts, "era" | "capabilities">): boolean {
  if (era === "modern") return hasTasks(capabilities);
  const { tasks } = capabilities;
  return isObject(tasks) && isObject(tasks.requests) && isObject(tasks.requests.tools) && tasks.requests.tools.call !== undefined;
}
