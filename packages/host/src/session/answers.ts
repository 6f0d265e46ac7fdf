import { HostError } from "../errors.ts";
import type { Entry } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { ClientAnswers } from "../pipeline/client-answers.ts";
import type { Directory } from "../pipeline/directory.ts";
import { discoveredFreshness } from "../pipeline/freshness.ts";
import { offersTasks } from "../upstream/capabilities.ts";
import type { Connection } from "../upstream/connection.ts";
import { isObject, type Json } from "../wire/message.ts";
import { otherExtensions, TASKS } from "../wire/tasks.ts";
import { isSupportedVersion, LATEST_VERSION, LEVELS, MODERN_VERSIONS, severity } from "../wire/versions.ts";
import type { Announcer } from "./announcer.ts";
import { isDeclared } from "./declared.ts";
import { type ListeningOptions, listen } from "./listening.ts";
import { ModernCaller } from "./modern-caller.ts";
import type { Requester } from "./requester.ts";
import type { Session } from "./session.ts";

/** What is advertised while some upstream's capabilities are unknown: whatever it turns out to have is relayed. */
const EVERYTHING: Json = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  completions: {},
  logging: {},
};

/** Methods of the legacy era that need a capability which the modern one has no more. */
const GONE = ["tasks"];

/** Answers the requests that are about the client itself: `initialize` and `logging/setLevel`, `server/discover` and `subscriptions/listen`. */
export function createAnswers(
  directory: Directory,
  hostInfo: Json,
  requester: (id: string) => Requester | undefined,
  announcer: Announcer,
  listening: Omit<ListeningOptions, "announcer" | "known">,
): ClientAnswers {
  return {
    async initialize(exchange) {
      const asking = exchange.caller as Session; // every exchange with a client's initialize is a session's own
      const { protocolVersion, capabilities, clientInfo } = exchange.original;
      if (typeof protocolVersion !== "string") throw new HostError("invalid_params", "params.protocolVersion must be a string");
      const version = isSupportedVersion(protocolVersion) ? protocolVersion : LATEST_VERSION;
      asking.client = {
        info: isObject(clientInfo) ? clientInfo : {},
        version,
        logLevel: undefined,
      };
      asking.capabilities = isObject(capabilities) ? capabilities : {};
      exchange.client = asking.client;
      const unknown = await directory.awaitKnown(asking, { lazy: false });
      asking.initialized = true;
      announcer.shown(asking);
      const instructions = mergedInstructions(directory, asking);
      return {
        protocolVersion: version,
        capabilities: mergedCapabilities(directory, asking, unknown.length > 0),
        serverInfo: hostInfo,
        ...(instructions !== undefined && { instructions }),
      };
    },

    setLevel(exchange: HostExchange) {
      const asking = exchange.caller as Session; // as above
      const { level } = exchange.original;
      if (severity(level) === -1) throw new HostError("invalid_params", `params.level must be one of ${LEVELS.join(", ")}`);
      asking.client = { ...asking.client, logLevel: level as string };
      for (const upstream of directory.upstreams.values()) shareLevel(upstream.connectionFor(asking), requester);
      return {};
    },

    async discover(exchange) {
      const asking = modern(exchange);
      const unknown = await directory.awaitKnown(asking, { lazy: false });
      const capabilities = mergedCapabilities(directory, asking, unknown.length > 0);
      for (const name of GONE) delete capabilities[name];
      if (hasAnyTasks(directory, asking))
        capabilities.extensions = { ...(capabilities.extensions as Json | undefined), ...TASKS.extensions };
      asking.declared = capabilities;
      exchange.freshness = discoveredFreshness(directory, exchange, unknown.length === 0);
      const instructions = mergedInstructions(directory, asking);
      return {
        supportedVersions: [...MODERN_VERSIONS],
        capabilities,
        serverInfo: hostInfo,
        ...(instructions !== undefined && { instructions }),
      };
    },

    listen: async (exchange) =>
      listen(exchange, modern(exchange), { ...listening, announcer, known: (caller) => directory.awaitKnown(caller, { lazy: false }) }),

    declares({ caller: asking, method }) {
      return isDeclared(directory, asking as Requester, method); // as above
    },
  };
}

/** The caller of a method that only the modern era has. @throws HostError for a session's */
function modern({ caller, method }: HostExchange): ModernCaller {
  if (caller instanceof ModernCaller) return caller;
  throw new HostError("method_not_found", `Method not found: ${method}`);
}

/** Tells a server the chattiest level that one of its clients wants; each client filters for itself. */
export function shareLevel(connection: Connection, requester: (id: string) => Requester | undefined): void {
  let chattiest: string | undefined;
  for (const id of connection.users) {
    const wanted = requester(id)?.client.logLevel;
    if (wanted !== undefined && (chattiest === undefined || severity(wanted) < severity(chattiest))) chattiest = wanted;
  }
  if (chattiest !== undefined) connection.setLevel(chattiest);
}

/** Capabilities that the host relays for several upstreams; others belong to methods that only a sole upstream can own. */
const RELAYED = new Set(["tools", "prompts", "resources", "completions", "logging", "tasks"]);

/** The union of what this client's servers have. Changes of lists are always announced, since the host itself can change them. */
function mergedCapabilities(directory: Directory, asking: Requester, incomplete: boolean): Json {
  // Servers that come with a reload will have tools, and a client that was told of none would never ask.
  const merged: Json = [...directory.upstreams.values()].every(({ facts }) => facts.wire === "plugin") ? { tools: {} } : {};
  for (const upstream of directory.upstreams.values()) {
    // Its own connection's word only: a server may say other things to other clients. A lazy one may have anything.
    const server = directory.serverOf(upstream.connectionFor(asking));
    const capabilities = server?.capabilities ?? (incomplete || upstream.config.start === "lazy" ? EVERYTHING : {});
    for (const [name, value] of Object.entries(capabilities)) {
      if (!directory.sole && !RELAYED.has(name)) continue;
      if (name === "extensions" && server?.era === "modern") {
        const others = otherExtensions(capabilities); // that for tasks is seen to apart
        if (others) merged.extensions = others;
        continue;
      }
      merged[name] = isObject(value) && isObject(merged[name]) ? { ...value, ...merged[name] } : (merged[name] ?? value);
    }
    if (isObject(capabilities.resources) && capabilities.resources.subscribe === true)
      merged.resources = { ...(merged.resources as Json), subscribe: true };
  }
  for (const name of ["tools", "prompts", "resources"])
    if (merged[name] !== undefined) merged[name] = { ...(merged[name] as Json), listChanged: true };
  return merged;
}

/** Whether calls may become tasks at some server. */
function hasAnyTasks(directory: Directory, asking: Requester): boolean {
  return [...directory.upstreams.values()].some((upstream) => {
    const server = directory.serverOf(upstream.connectionFor(asking));
    return server !== undefined && offersTasks(server);
  });
}

/** Of servers of which the client may use anything: the others' names and words are not its business. */
function mergedInstructions(directory: Directory, asking: Requester): string | undefined {
  const { entries } = directory.offer(asking);
  const isShown = (key: string): boolean => {
    const own = entries.filter(({ upstream }) => upstream === key);
    const asked: readonly Entry[] =
      own.length > 0 ? own : [{ kind: "method", name: "initialize", upstream: key, native: "initialize", definition: {} }];
    return asked.some((entry) => directory.catalog.permits(entry, asking));
  };
  const all = [...directory.upstreams.values()].flatMap((upstream) => {
    const text = directory.serverOf(upstream.connectionFor(asking))?.instructions;
    return text && isShown(upstream.key) ? [{ key: upstream.key, text }] : [];
  });
  if (all.length === 0) return undefined;
  if (directory.sole && all[0]) return all[0].text;
  return all.map(({ key, text }) => `## ${key}\n\n${text}`).join("\n\n");
}
