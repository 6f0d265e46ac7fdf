import { createHash } from "node:crypto";
import { HostError } from "../errors.ts";
import { isModern } from "../wire/versions.ts";
import type { Requester } from "./requester.ts";
import type { Requesters } from "./requesters.ts";

/** A client that is connected or, of MCP 2026-07-28, that a caller's last request came from. */
export interface ConnectedClient {
  /** What an operator calls it; no session id, which would let whoever reads it in. */
  readonly id: string;
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
    .map(({ id, latest: { info, version }, principal, endpoint, since }) => ({
      id: handleOf(id),
      name: brief(info.name),
      version: brief(info.version),
      protocolVersion: version,
      era: isModern(version) ? "modern" : "legacy",
      principal: principal.id,
      ...(endpoint !== undefined && { endpoint }),
      since,
    }));
}

/** Ends the session, or the caller, that an operator calls so. Whether it was there. */
export function endClient({ sessions, callers }: Requesters, handle: string): boolean {
  const isIt = ({ id }: Requester): boolean => handleOf(id) === handle;
  const error = new HostError("session_not_found", "an operator ended the session");
  const session = [...sessions].find(isIt);
  if (session) sessions.close(session, error);
  const caller = session ? undefined : [...callers].find(isIt);
  if (caller) callers.close(caller, error);
  return session !== undefined || caller !== undefined;
}

function handleOf(id: string): string {
  return createHash("sha256").update(`operators call it ${id}`).digest("hex").slice(0, 16);
}

function brief(text: unknown): string {
  return typeof text === "string" ? text.slice(0, LONGEST) : "";
}
