import { Callers, type CallersOptions } from "./callers.ts";
import type { ModernHost } from "./modern-caller.ts";
import type { Requester } from "./requester.ts";
import type { Session, SessionHost } from "./session.ts";
import { Sessions, type SessionsOptions } from "./sessions.ts";

/** What all of them need of the host. */
export interface RequestersHost extends SessionHost, ModernHost {
  /** A session is over. */
  closed(session: Session): void;
  /** What was only somebody's own is to go. */
  released(requester: Requester): void;
}

export interface RequestersOptions extends Pick<SessionsOptions, "local" | "opened">, Pick<CallersOptions, "isolates" | "stateKey"> {
  readonly host: RequestersHost;
  readonly limits: SessionsOptions["limits"];
  /** What a session was served on is to end with it. */
  readonly ended: (session: Session) => void;
}

/** All that requests come from: the sessions of the legacy era, and the callers of the modern one. */
export class Requesters {
  readonly sessions: Sessions;
  readonly callers: Callers;

  constructor({ host, limits, local, isolates, stateKey, opened, ended }: RequestersOptions) {
    const closed = (session: Session): void => {
      ended(session);
      host.closed(session);
    };
    const isSoleFree = (): boolean => local() && !this.callers.hasSole;
    this.sessions = new Sessions({ host, limits, local: isSoleFree, opened, closed });
    this.callers = new Callers({ host, limits, isolates, stateKey, closed: (caller) => host.released(caller) });
  }

  get(id: string): Requester | undefined {
    return this.sessions.get(id) ?? this.callers.get(id);
  }

  *[Symbol.iterator](): Iterator<Requester> {
    yield* this.sessions;
    yield* this.callers;
  }

  /** Refuses new ones, lets what is in flight finish, then closes all. */
  async end(drain: number): Promise<void> {
    await Promise.all([this.sessions.end(drain), this.callers.end(drain)]);
  }
}
