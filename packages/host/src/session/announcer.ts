import type { Caller } from "../exchange/caller.ts";
import type { ListedKind } from "../exchange/entry.ts";
import type { Offer } from "../pipeline/catalog.ts";
import type { Directory } from "../pipeline/directory.ts";
import type { ListName, Requester } from "./requester.ts";

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

/** Tells everybody that their lists changed, if what they see really did, once, and after the catalog is fresh. */
export class Announcer {
  readonly #directory: Directory;
  readonly #audience: () => Iterable<Requester>;
  #timer: NodeJS.Timeout | undefined;
  /** What everybody is shown, where `permit` hides nothing: it lasts as long as the offer. */
  readonly #common: Signatures = new WeakMap();

  constructor(directory: Directory, audience: () => Iterable<Requester>) {
    this.#directory = directory;
    this.#audience = audience;
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

  /** `permit` or `list` answers otherwise now: of a principal, by its id, of one caller, or of all. */
  permissionsChanged(whose: string | Pick<Caller, "id"> | undefined): void {
    if (whose === undefined) return this.listed();
    const judged: Signatures = new WeakMap();
    for (const each of this.#audience()) {
      if (typeof whose === "string" ? each.principal.id !== whose : each.id !== whose.id) continue;
      if (typeof whose !== "string") each.hasOwnLists = true;
      if (each.isToldOfLists) this.#compare(each, judged);
    }
  }

  /** Notes what somebody is shown now, so that only changes from here on are news. */
  shown(requester: Requester): void {
    const offer = this.#directory.offer(requester);
    const judged: Signatures = new WeakMap();
    for (const list of LISTS) requester.shown.set(list, this.#signature(offer, list, requester, judged));
  }

  #announce(): void {
    const judged: Signatures = new WeakMap();
    for (const each of this.#audience()) if (each.isToldOfLists) this.#compare(each, judged);
  }

  #compare(requester: Requester, judged: Signatures): void {
    const offer = this.#directory.offer(requester);
    for (const list of LISTS) {
      const signature = this.#signature(offer, list, requester, judged);
      if (requester.shown.get(list) === signature) continue;
      requester.shown.set(list, signature);
      requester.listChanged(list);
    }
  }

  /** @param judged what `permit` said during this announcement: the next time it may say otherwise */
  #signature(offer: Offer, list: ListName, requester: Requester, judged: Signatures): string {
    const { catalog } = this.#directory;
    const signatures = catalog.isJudged ? judged : this.#common;
    const key = catalog.isJudged ? `${list} ${viewOf(requester)}` : list;
    let ofOffer = signatures.get(offer);
    if (!ofOffer) signatures.set(offer, (ofOffer = new Map()));
    let signature = ofOffer.get(key);
    if (signature === undefined) ofOffer.set(key, (signature = catalog.signature(offer, KINDS[list], requester, requester.latest)));
    return signature;
  }
}

/** What may make a difference to `permit` and `list` between two callers. */
function viewOf({ id, hasOwnLists, principal, capabilities, latest, endpoint, network }: Requester): string {
  return JSON.stringify([hasOwnLists && id, principal, capabilities, latest.info, latest.version, endpoint, network]);
}
