import { HostError } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import { counted, countedAre } from "../wire/counted.ts";
import type { Limits } from "../wire/limits.ts";
import { Session, type SessionHost } from "./session.ts";

const SWEEP = 5_000;

export interface SessionsOptions {
  readonly host: SessionHost;
  readonly limits: Limits;
  /** Whether the host has no network front, so that a client may be its only one. */
  readonly local: () => boolean;
  readonly opened: (session: Session) => void;
  readonly closed: (session: Session) => void;
}

/** Every open session, within bounds of number and idleness. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #sessions = new Map<string, Session>();
  #sweep: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  [Symbol.iterator](): IterableIterator<Session> {
    return this.#sessions.values();
  }

  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  /** Opens a session, or throws where a limit says no. */
  open(principal: Principal, wire: { network: boolean; duplicateIds: boolean; expires?: boolean; endpoint?: string | undefined }): Session {
    const { host, limits, local } = this.#options;
    if (this.#closing) throw new HostError("shutting_down", "the host is stopping");
    if (this.#sessions.size >= limits.sessions)
      throw new HostError("overloaded", `${countedAre(this.#sessions.size, "session")} open already`, { retryAfterMs: SWEEP });
    if (principal.id !== "anonymous" && principal.id !== "local") {
      let own = 0;
      for (const session of this.#sessions.values()) if (session.principal.id === principal.id) own++;
      if (own >= limits.sessionsPerPrincipal)
        throw new HostError("overloaded", `${counted(own, "session")} of this principal ${own === 1 ? "is" : "are"} open already`, {
          retryAfterMs: SWEEP,
        });
    }
    // One that expires owns no servers: they would go with it.
    const sole = !wire.network && !wire.expires && local() && this.#sessions.size === 0;
    const session = new Session({
      host,
      principal,
      network: wire.network,
      expires: wire.expires,
      sole,
      endpoint: wire.endpoint,
      inFlight: limits.inFlightPerSession,
      duplicateIds: wire.duplicateIds,
    });
    this.#sessions.set(session.id, session);
    if (session.expires && !this.#sweep) {
      this.#sweep = setInterval(() => this.#expire(), SWEEP);
      this.#sweep.unref();
    }
    this.#options.opened(session);
    return session;
  }

  close(session: Session, error = new HostError("shutting_down", "the session was ended by its client")): void {
    if (!this.#sessions.delete(session.id)) return;
    session.close(error);
    this.#options.closed(session);
  }

  #expire(): void {
    const { limits } = this.#options;
    const now = performance.now();
    for (const session of this.#sessions.values()) {
      // An open stream is a sign of life, but not of a client that never begins. Who was asked something may still think.
      if (!session.expires || session.inFlight > 0 || session.questions.size > 0 || (session.hasStream && session.active)) continue;
      const patience = session.active ? limits.sessionIdle : limits.sessionInitialize;
      if (now - session.seen > patience) this.close(session, new HostError("session_not_found", "the session has expired"));
    }
  }

  /** Refuses new sessions, lets what is in flight finish, then closes all. */
  async end(drain: number): Promise<void> {
    this.#closing = true;
    clearInterval(this.#sweep);
    await Promise.all([...this.#sessions.values()].map((session) => session.drained(drain)));
    for (const session of [...this.#sessions.values()]) this.close(session, new HostError("shutting_down", "the host is stopping"));
  }
}
