import { isModern } from "../wire/versions.ts";
import type { Requesters } from "./requesters.ts";

/** A client that is connected or, of MCP 2026-07-28, that a caller's last request came from. */
export interface ConnectedClient {
  /** What it calls itself. */
  readonly name: string;
  readonly version: string;
  /** The version of MCP that it speaks. */
  readonly protocolVersion: string;
  readonly era: "legacy" | "modern";
  /** The id of who it is. */
  readonly principal: string;
  /** The endpoint of a plugin's that it came in by; absent for the unnamed one. */
  readonly endpoint?: string;
  /** In milliseconds since 1970. */
  readonly since: number;
}

/** Clients that are told, those that came last: how many there are is told anyway. */
const MOST = 100;
/** Characters of what a client chose itself. */
const LONGEST = 64;

/** Who is connected; of many those that came last. */
export function connectedClients({ sessions, callers }: Requesters): ConnectedClient[] {
  const all = [...[...sessions].filter(({ initialized }) => initialized), ...callers];
  return all
    .sort((a, b) => a.since - b.since)
    .slice(-MOST)
    .map(({ latest: { info, version }, principal, endpoint, since }) => ({
      name: brief(info.name),
      version: brief(info.version),
      protocolVersion: version,
      era: isModern(version) ? "modern" : "legacy",
      principal: principal.id,
      ...(endpoint !== undefined && { endpoint }),
      since,
    }));
}

function brief(text: unknown): string {
  return typeof text === "string" ? text.slice(0, LONGEST) : "";
}
