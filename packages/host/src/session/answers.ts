import { HostError } from "../errors.ts";
import type { Directory } from "../pipeline/directory.ts";
import type { Exchange } from "../pipeline/exchange.ts";
import type { SessionAnswers } from "../pipeline/pipeline.ts";
import { isObject, type Json } from "../wire/message.ts";
import { isSupportedVersion, LATEST_VERSION, LEVELS, severity } from "../wire/versions.ts";
import type { Announcer } from "./announcer.ts";
import type { Session } from "./session.ts";

/** What is advertised while some upstream's capabilities are unknown: whatever it turns out to have is relayed. */
const EVERYTHING: Json = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  completions: {},
  logging: {},
};

/** Answers the requests that are about the session itself: `initialize` and `logging/setLevel`. */
export function createAnswers(
  directory: Directory,
  hostInfo: Json,
  sessions: () => Iterable<Session>,
  announcer: Announcer,
): SessionAnswers {
  return {
    async initialize(exchange) {
      const session = exchange.session as Session; // every exchange with a client's initialize is a session's own
      const { protocolVersion, capabilities, clientInfo } = exchange.original;
      if (typeof protocolVersion !== "string") throw new HostError("invalid_params", "params.protocolVersion must be a string");
      const version = isSupportedVersion(protocolVersion) ? protocolVersion : LATEST_VERSION;
      session.client = {
        info: isObject(clientInfo) ? clientInfo : {},
        capabilities: isObject(capabilities) ? capabilities : {},
        version,
        logLevel: undefined,
      };
      const unknown = await directory.settle(session, { lazy: false });
      session.initialized = true;
      announcer.shown(session);
      const instructions = mergedInstructions(directory);
      return {
        protocolVersion: version,
        capabilities: mergedCapabilities(directory, unknown.length > 0),
        serverInfo: hostInfo,
        ...(instructions !== undefined && { instructions }),
      };
    },

    setLevel(exchange: Exchange) {
      const session = exchange.session as Session; // as above
      const { level } = exchange.original;
      if (severity(level) === -1) throw new HostError("invalid_params", `params.level must be one of ${LEVELS.join(", ")}`);
      session.client = { ...session.client, logLevel: level as string };
      spreadLevels(directory, sessions());
      return {};
    },
  };
}

/** Tells every connection the chattiest level that one of its sessions wants; each session filters for itself. */
export function spreadLevels(directory: Directory, sessions: Iterable<Session>): void {
  for (const session of sessions) {
    const { logLevel } = session.client;
    if (logLevel === undefined) continue;
    for (const upstream of directory.upstreams.values()) {
      const connection = upstream.connectionFor(session);
      const current = connection.commitments.level;
      if (connection.users.size <= 1 || current === undefined || severity(logLevel) < severity(current)) connection.setLevel(logLevel);
    }
  }
}

/** The union of what the upstreams have. Changes of lists are always announced, since the host itself can change them. */
function mergedCapabilities(directory: Directory, incomplete: boolean): Json {
  const merged: Json = {};
  for (const upstream of directory.upstreams.values()) {
    // A lazy upstream of which nothing is known may have anything.
    const capabilities = upstream.server?.capabilities ?? (incomplete || upstream.config.start === "lazy" ? EVERYTHING : {});
    for (const [name, value] of Object.entries(capabilities))
      merged[name] = isObject(value) && isObject(merged[name]) ? { ...value, ...merged[name] } : (merged[name] ?? value);
    if (isObject(capabilities.resources) && capabilities.resources.subscribe === true)
      merged.resources = { ...(merged.resources as Json), subscribe: true };
  }
  for (const name of ["tools", "prompts", "resources"])
    if (merged[name] !== undefined) merged[name] = { ...(merged[name] as Json), listChanged: true };
  return merged;
}

function mergedInstructions(directory: Directory): string | undefined {
  const all = [...directory.upstreams.values()].flatMap(({ key, server }) =>
    server?.instructions ? [{ key, text: server.instructions }] : [],
  );
  if (all.length === 0) return undefined;
  if (directory.sole && all[0]) return all[0].text;
  return all.map(({ key, text }) => `## ${key}\n\n${text}`).join("\n\n");
}
