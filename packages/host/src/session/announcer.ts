import type { ListedKind } from "../exchange/entry.ts";
import type { Offer } from "../pipeline/catalog.ts";
import type { Directory } from "../pipeline/directory.ts";
import type { ListName, Session } from "./session.ts";

const KINDS: Readonly<Record<ListName, readonly ListedKind[]>> = {
  tools: ["tool"],
  prompts: ["prompt"],
  resources: ["resource", "template"],
};
/** Signatures of one offer, by list and whom it is shown to. */
type Signatures = WeakMap<Offer, Map<string, string>>;

const LISTS = Object.keys(KINDS) as ListName[];

/** Several upstreams that answer at about the same time make one announcement. */
const COALESCE = 50;

/** Tells each session that its lists changed, if what it sees really did, once, and after the catalog is fresh. */
export class Announcer {
  readonly #directory: Directory;
  readonly #sessions: () => Iterable<Session>;
  #timer: NodeJS.Timeout | undefined;
  /** What everybody is shown, where `permit` hides nothing: it lasts as long as the offer. */
  readonly #common: Signatures = new WeakMap();

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

  /** Another one announces from now on. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** `permit` answers otherwise now. */
  permissionsChanged(principal: string | undefined): void {
    if (principal === undefined) return this.listed();
    const judged: Signatures = new WeakMap();
    for (const session of this.#sessions()) if (session.principal.id === principal) this.#compare(session, judged);
  }

  /** Notes what a session is shown now, so that only changes from here on are news. */
  shown(session: Session): void {
    const offer = this.#directory.offer(session);
    const judged: Signatures = new WeakMap();
    for (const list of LISTS) session.shown.set(list, this.#signature(offer, list, session, judged));
  }

  #announce(): void {
    const judged: Signatures = new WeakMap();
    for (const session of this.#sessions()) if (session.initialized) this.#compare(session, judged);
  }

  #compare(session: Session, judged: Signatures): void {
    const offer = this.#directory.offer(session);
    for (const list of LISTS) {
      const signature = this.#signature(offer, list, session, judged);
      if (session.shown.get(list) === signature) continue;
      session.shown.set(list, signature);
      session.listChanged(list);
    }
  }

  /** @param judged what `permit` said during this announcement: the next time it may say otherwise */
  #signature(offer: Offer, list: ListName, session: Session, judged: Signatures): string {
    const { catalog } = this.#directory;
    const signatures = catalog.isJudged ? judged : this.#common;
    const key = catalog.isJudged ? `${list} ${viewOf(session)}` : list;
    let ofOffer = signatures.get(offer);
    if (!ofOffer) signatures.set(offer, (ofOffer = new Map()));
    let signature = ofOffer.get(key);
    if (signature === undefined) ofOffer.set(key, (signature = catalog.signature(offer, KINDS[list], session)));
    return signature;
  }
}

/** What may make a difference to `permit` and `list` between two callers. */
function viewOf({ principal, capabilities, client, endpoint, network }: Session): string {
  return JSON.stringify([principal, capabilities, client.info, client.version, endpoint, network]);
}
