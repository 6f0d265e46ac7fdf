import { createHash } from "node:crypto";
import type { Offer } from "../pipeline/catalog.ts";
import type { Directory } from "../pipeline/directory.ts";
import type { ListedKind } from "../pipeline/entry.ts";
import type { ListName, Session } from "./session.ts";

const KINDS: Readonly<Record<ListName, readonly ListedKind[]>> = {
  tools: ["tool"],
  prompts: ["prompt"],
  resources: ["resource", "template"],
};
const LISTS = Object.keys(KINDS) as ListName[];

/** Several upstreams that answer at about the same time make one announcement. */
const COALESCE = 50;

/** Tells each session that its lists changed, if what it sees really did, once, and after the catalog is fresh. */
export class Announcer {
  readonly #directory: Directory;
  readonly #sessions: () => Iterable<Session>;
  #timer: NodeJS.Timeout | undefined;

  constructor(directory: Directory, sessions: () => Iterable<Session>) {
    this.#directory = directory;
    this.#sessions = sessions;
  }

  /** The catalog has changed. */
  listed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#announce();
    }, COALESCE);
  }

  /** `permit` answers otherwise now. */
  permissionsChanged(principal: string | undefined): void {
    if (principal === undefined) return this.listed();
    for (const session of this.#sessions()) if (session.principal.id === principal) this.#compare(session);
  }

  /** Notes what a session is shown now, so that only changes from here on are news. */
  shown(session: Session): void {
    const offer = this.#directory.offer(session);
    for (const list of LISTS) session.shown.set(list, this.#signature(offer, list, session));
  }

  #announce(): void {
    for (const session of this.#sessions()) if (session.initialized) this.#compare(session);
  }

  #compare(session: Session): void {
    const offer = this.#directory.offer(session);
    for (const list of LISTS) {
      const signature = this.#signature(offer, list, session);
      if (session.shown.get(list) === signature) continue;
      session.shown.set(list, signature);
      session.listChanged(list);
    }
  }

  #signature(offer: Offer, list: ListName, session: Session): string {
    const hash = createHash("sha1");
    for (const kind of KINDS[list]) hash.update(this.#directory.catalog.signature(offer, kind, session)).update("\0");
    return hash.digest("base64");
  }
}
