import type { Callers } from "./callers.ts";
import type { Requester } from "./requester.ts";
import type { Sessions } from "./sessions.ts";

/** All that requests come from: the sessions of the legacy era, and the callers of the modern one. */
export class Requesters {
  readonly sessions: Sessions;
  readonly callers: Callers;

  constructor(sessions: Sessions, callers: Callers) {
    this.sessions = sessions;
    this.callers = callers;
  }

  get(id: string): Requester | undefined {
    return this.sessions.get(id) ?? this.callers.get(id);
  }

  *[Symbol.iterator](): Iterator<Requester> {
    yield* this.sessions;
    yield* this.callers;
  }
}
