import { LISTED_KINDS, LISTS, type ListedKind } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { briefReason } from "../redact.ts";
import { counted } from "../wire/counted.ts";
import type { Limits } from "../wire/limits.ts";
import { isObject, type Json } from "../wire/message.ts";
import type { Freshness } from "../wire/modern.ts";
import type { Peer } from "../wire/peer.ts";
import { PeerError } from "../wire/peer-error.ts";
import { Backoff } from "./backoff.ts";
import type { Selection } from "./selection.ts";
import { type Validity, validity } from "./validity.ts";

/** What an upstream lists, as it came, without what the config leaves out. */
export type RawLists = Record<ListedKind, readonly Json[]>;

const NO_LISTS: RawLists = { tool: [], prompt: [], resource: [], template: [] };

/** The kinds that an upstream with these capabilities lists. */
export function listedBy(capabilities: Readonly<Json>): ListedKind[] {
  return LISTED_KINDS.filter((kind) => capabilities[LISTS[kind].capability] !== undefined);
}

const LIST_TIMEOUT = 30_000;
/** One definition larger than this is withheld: every client gets it with every list, and a model with every question. */
const ENTRY_BYTES = 64 * 1024;

interface Listing {
  readonly items: readonly Json[];
  /** Why something is missing, if it is. */
  readonly problem?: string | undefined;
  /** Whether it was not answered, so that another reading may bring what is missing. */
  readonly failed?: boolean;
  /** How long it holds, where the server's era says so. */
  readonly validity?: Validity | undefined;
}

/** Reads one list. What was read before a fault is kept and the fault is told. */
async function readList(peer: Peer<HostExchange>, kind: ListedKind, limits: Limits, selection: Selection | undefined): Promise<Listing> {
  const items: Json[] = [];
  try {
    return await readPages(peer, kind, limits, selection, items);
  } catch (error) {
    // Some servers declare `resources` and know no templates.
    if (error instanceof PeerError && error.rpc.code === -32601) return { items };
    return { items, problem: `${LISTS[kind].method} failed: ${briefReason(error)}`, failed: true };
  }
}

async function readPages(
  peer: Peer<HostExchange>,
  kind: ListedKind,
  limits: Limits,
  selection: Selection | undefined,
  items: Json[],
): Promise<Listing> {
  const { method, field, key } = LISTS[kind];
  const cursors = new Set<string>();
  let cursor: string | undefined;
  let problem: string | undefined;
  let held: Validity | undefined;
  const fresh = (page: Freshness): void => {
    held = validity(page, held);
  };
  for (let page = 0; page < limits.listPages; page++) {
    const result: Json = await peer.request(method, cursor === undefined ? undefined : { cursor }, { timeout: LIST_TIMEOUT, fresh }).result;
    if (!Array.isArray(result[field])) return { items, problem: `${method} gave no "${field}"`, failed: true };
    for (const item of result[field]) {
      if (!isObject(item) || typeof item[key] !== "string" || item[key] === "") {
        problem = `${method} gave an entry without "${key}"; it is withheld`;
        continue;
      }
      const limit = key === "name" ? "nameLength" : "uriLength";
      const isLong = item[key].length > limits[limit];
      if (!isLong && selection?.takesListed(kind, item[key]) === false) continue;
      if (items.length === limits.entriesPerUpstream)
        return {
          items,
          problem: `${method} gave more than ${counted(limits.entriesPerUpstream, "entry", "entries")}; the rest is withheld`,
        };
      if (isLong)
        problem = `${method} gave an entry whose "${key}" has more than ${limits[limit]} characters (limits.${limit}); it is withheld`;
      else if (isOversized(item)) problem = `${method} gave an entry of more than ${ENTRY_BYTES} bytes; it is withheld`;
      else items.push(item);
    }
    // The empty string is a valid cursor.
    if (typeof result.nextCursor !== "string") return { items, problem, validity: held };
    cursor = result.nextCursor;
    if (cursors.has(cursor)) return { items, problem: `${method} repeats a cursor` };
    cursors.add(cursor);
  }
  return { items, problem: `${method} has more than ${limits.listPages} pages` };
}

function isOversized(item: Json): boolean {
  try {
    return JSON.stringify(item).length > ENTRY_BYTES;
  } catch {
    return true; // nested beyond what can be written again
  }
}

/** However often a server says that a list changed, it is read once a second at most. */
const REFRESH_PAUSE = 1_000;

/** Gathers `list_changed` notifications and says when to read which lists again. */
class Refresher {
  readonly #read: (kinds: readonly ListedKind[]) => void;
  readonly #stale = new Set<ListedKind>();
  #timer: NodeJS.Timeout | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(read: (kinds: readonly ListedKind[]) => void) {
    this.#read = read;
  }

  /** Takes a notification's method; false when it is not about lists. */
  changed(method: string): boolean {
    const kinds = LISTED_KINDS.filter((kind) => method === `notifications/${LISTS[kind].capability}/list_changed`);
    if (kinds.length === 0) return false;
    for (const kind of kinds) this.#stale.add(kind);
    this.#timer ??= setTimeout(() => this.#due(), Math.max(0, this.#readAt + REFRESH_PAUSE - performance.now()));
    return true;
  }

  #due(): void {
    this.#timer = undefined;
    this.#readAt = performance.now();
    const kinds = [...this.#stale];
    this.#stale.clear();
    this.#read(kinds);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/**
 * What one connection's server lists: read after every connect and whenever the server says that a list changed. What could
 * not be read is tried again, less and less often.
 */
export class Listings {
  /** The last-known lists; undefined until they were read once. */
  known: RawLists | undefined;
  /** What is missing and why, as of the last reading, by kind. */
  readonly problems = new Map<ListedKind, string>();
  /** The kinds of which something is missing that another reading may bring. */
  readonly failed = new Set<ListedKind>();
  /** How long they hold, where the server's era says so. */
  readonly validity = new Map<ListedKind, Validity>();
  /** What is read again because somebody asked. */
  readonly #renewing = new Set<ListedKind>();
  readonly #limits: Limits;
  readonly #selection: Selection | undefined;
  readonly #peer: () => Peer<HostExchange> | undefined;
  readonly #listed: () => Promise<void>;
  readonly #refresher = new Refresher((kinds) => this.#readAgain(kinds));
  readonly #backoff = new Backoff();
  #retry: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();
  /** The reading that waits for the one under way; what is asked for meanwhile joins it. */
  #next: { readonly peer: Peer<HostExchange>; readonly kinds: Set<ListedKind> } | undefined;

  /**
   * @param peer the live peer, if there is one
   * @param listed called when lists were read, again or for the first time
   * @param selection what the config takes of them; default: all
   */
  constructor(limits: Limits, peer: () => Peer<HostExchange> | undefined, listed: () => Promise<void>, selection?: Selection) {
    this.#limits = limits;
    this.#selection = selection;
    this.#peer = peer;
    this.#listed = listed;
  }

  /** Resolves when what is being read now has been read. */
  get done(): Promise<void> {
    return this.#reading;
  }

  /** Takes a notification's method; false when it is not about lists. */
  changed(method: string): boolean {
    return this.#refresher.changed(method);
  }

  /**
   * Somebody is given what is known of a list: one whose time is up is read again meanwhile, for whoever asks next. Of a server
   * that tells of changes and gives no time it is known that nothing has changed.
   */
  used(kind: ListedKind): void {
    const validity = this.validity.get(kind);
    const peer = this.#peer();
    if (!validity || !peer || this.#renewing.has(kind) || this.failed.has(kind)) return;
    const { ttlMs, since, until } = validity;
    if (performance.now() < Math.max(until, since + REFRESH_PAUSE)) return;
    if (ttlMs === 0 && peer.link.hears?.(LISTS[kind].capability)) return;
    this.#renewing.add(kind);
    void this.read(peer, [kind]).finally(() => this.#renewing.delete(kind));
  }

  /** Reads these lists and keeps the last-known ones of the others. One reading at a time. */
  read(peer: Peer<HostExchange>, kinds: readonly ListedKind[]): Promise<void> {
    if (this.#next?.peer === peer) {
      for (const kind of kinds) this.#next.kinds.add(kind);
      return this.#reading;
    }
    const queued = { peer, kinds: new Set(kinds) };
    this.#next = queued;
    const begin = (): Promise<void> => {
      if (this.#next === queued) this.#next = undefined;
      return this.#read(peer, [...queued.kinds]);
    };
    this.#reading = this.#reading.then(begin, begin);
    return this.#reading;
  }

  async #read(peer: Peer<HostExchange>, kinds: readonly ListedKind[]): Promise<void> {
    const read = await Promise.all(kinds.map((kind) => readList(peer, kind, this.#limits, this.#selection)));
    if (peer.isClosed) return; // half-read lists of a dead server are worth less than the last-known ones, or none
    const lists: RawLists = { ...(this.known ?? NO_LISTS) };
    for (const [index, kind] of kinds.entries()) {
      const { items, problem, failed, validity } = read[index] as Listing; // one for each kind
      // What was known of a list that could not be read is worth more than its first pages.
      if (!failed || lists[kind].length === 0) lists[kind] = items;
      if (failed) this.failed.add(kind);
      else this.failed.delete(kind);
      if (validity) this.validity.set(kind, validity);
      else if (!failed) this.validity.delete(kind);
      if (problem === undefined) this.problems.delete(kind);
      else this.problems.set(kind, problem);
    }
    this.known = lists;
    this.#retryFailed();
    await this.#listed();
  }

  #retryFailed(): void {
    clearTimeout(this.#retry);
    if (this.failed.size === 0) return this.#backoff.reset();
    this.#retry = setTimeout(() => this.#readAgain([...this.failed]), this.#backoff.failed()).unref();
  }

  #readAgain(kinds: readonly ListedKind[]): void {
    const peer = this.#peer();
    if (peer) void this.read(peer, kinds);
  }

  /** Forgets what was to be read again. */
  stop(): void {
    clearTimeout(this.#retry);
    this.#refresher.stop();
  }
}
