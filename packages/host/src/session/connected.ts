import type { Session } from "./session.ts";

/** A client that is connected. */
export interface ConnectedClient {
  /** What it calls itself. */
  readonly name: string;
  readonly version: string;
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
export function connectedClients(sessions: Iterable<Session>): ConnectedClient[] {
  return Array.from(sessions)
    .filter(({ initialized }) => initialized)
    .slice(-MOST)
    .map(({ client: { info }, principal, endpoint, since }) => ({
      name: brief(info.name),
      version: brief(info.version),
      principal: principal.id,
      ...(endpoint !== undefined && { endpoint }),
      since,
    }));
}

function brief(text: unknown): string {
  return typeof text === "string" ? text.slice(0, LONGEST) : "";
}
