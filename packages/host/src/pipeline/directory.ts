import type { SessionFacts } from "../exchange/caller.ts";
import type { Entry } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Connection } from "../upstream/connection.ts";
import { unavailable } from "../upstream/failure.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { BoundedMap } from "../wire/bounded-map.ts";
import { withDeadline } from "../wire/deadline.ts";
import { type Catalog, Offer, type View } from "./catalog.ts";
import { Fallbacks } from "./fallbacks.ts";

/** How long a list or a look-up waits for upstreams of which nothing is known yet: a client should not wait long for one slow server. */
const KNOWING_WAIT = 2_000;

/** Views that are kept beyond their connections. */
const LAST_VIEWS = 256;

/** Which upstreams there are, and what each session is offered through its own connections to them. */
export class Directory {
  readonly catalog: Catalog;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly #views = new WeakMap<Connection, View>();
  readonly #offers = new WeakMap<SessionFacts, { epoch: number; offer: Offer }>();
  /** What connections of several clients listed last, by {@link lastKey}: the next connection of that kind begins with it. */
  readonly #last = new BoundedMap<string, View>(LAST_VIEWS);
  /** What any connection listed last, by upstream. */
  readonly #newest = new Map<string, View>();
  readonly #fallbacks: Fallbacks;
  #surveyed: { epoch: number; offer: Offer } | undefined;
  #named: { epoch: number; entries: readonly Entry[] } | undefined;
  #epoch = 0;

  constructor(catalog: Catalog, upstreams: ReadonlyMap<string, Upstream>) {
    this.catalog = catalog;
    this.upstreams = upstreams;
    this.#fallbacks = new Fallbacks(upstreams);
    catalog.lookAt(() => this.preview());
  }

  /** A connection's state has changed; true if something else is offered now. */
  stateChanged(): boolean {
    const changed = this.#fallbacks.look();
    if (changed) this.#epoch++;
    return changed;
  }

  /** Whether a call that could not be sent to its owner may have another way. */
  get hasFallbacks(): boolean {
    return this.#fallbacks.any;
  }

  /** What a fallback has for a call whose last attempt was not sent. What the principal may not see there is not there. */
  standIn(exchange: HostExchange, entry: Entry): Entry | undefined {
    return this.#fallbacks.find(
      exchange,
      entry,
      () => this.#entries(),
      (found) => this.catalog.permits(found, exchange.principal),
    );
  }

  /** What a call really reaches by this native name of an upstream; one that it does not list goes by that name. */
  reached(kind: Entry["kind"], upstream: string, native: string): Entry {
    const listed = this.#entries().find((entry) => entry.upstream === upstream && entry.kind === kind && entry.native === native);
    return listed ?? { kind, name: native, upstream, native, definition: {} };
  }

  /** All that is known of any upstream by the names that it has or would have, whether it is offered now or not. */
  #entries(): readonly Entry[] {
    if (this.#named?.epoch !== this.#epoch) {
      const views = this.#inOrder().flatMap(({ key }) => this.#newest.get(key) ?? []);
      this.#named = { epoch: this.#epoch, entries: this.catalog.named(views) };
    }
    return this.#named.entries;
  }

  /** Those that stand in for others come last. */
  #inOrder(): Upstream[] {
    const all = [...this.upstreams.values()];
    return [...all.filter(({ config }) => !config.fallback), ...all.filter(({ config }) => config.fallback)];
  }

  /** The upstreams that are offered now: those that stand in for others only when they are needed. */
  #offered(): Upstream[] {
    return this.#inOrder().filter(({ config }) => !config.fallback || this.#fallbacks.areOffered);
  }

  /** A connection has read its lists. */
  async listed(connection: Connection): Promise<void> {
    const lists = connection.listings.known;
    if (!lists || this.upstreams.get(connection.facts.key)?.facts !== connection.facts) return;
    const view = await this.catalog.view(connection.facts, lists, new Map(connection.listings.problems));
    if (connection.listings.known !== lists) return; // read again meanwhile; the newer one counts
    this.#views.set(connection, view);
    this.#newest.set(connection.facts.key, view);
    this.#keep(connection, view);
    this.#epoch++;
  }

  #keep(connection: Connection, view: View): void {
    const key = lastKey(connection);
    if (key === undefined) return;
    this.#last.set(key, view);
  }

  /** What a connection lists or, until it has listed, what the last one of its kind did. */
  #viewOf(connection: Connection): View | undefined {
    const key = lastKey(connection);
    return this.#views.get(connection) ?? (key === undefined ? undefined : this.#last.get(key));
  }

  /** What the session is offered, as far as it is known now. */
  offer(session: SessionFacts): Offer {
    const kept = this.#offers.get(session);
    if (kept?.epoch === this.#epoch) return kept.offer;
    const views: View[] = [];
    for (const upstream of this.#offered()) {
      const view = this.#viewOf(upstream.connectionFor(session));
      if (view) views.push(view);
    }
    const offer = this.catalog.offer(views);
    this.#offers.set(session, { epoch: this.#epoch, offer });
    return offer;
  }

  /** What operators and plugins see: all that is known now, whoever it is for. Gives nobody a name, so it may come early. */
  preview(): Offer {
    const before = this.#surveyed;
    if (before?.epoch === this.#epoch) return before.offer;
    // A plugin may look from within `merge`: it sees what was before.
    this.#surveyed = { epoch: this.#epoch, offer: before?.offer ?? new Offer([], []) };
    const views = this.#offered().flatMap(({ key }) => this.#newest.get(key) ?? []);
    const offer = this.catalog.survey(views);
    this.#surveyed = { epoch: this.#epoch, offer };
    return offer;
  }

  /** Starts what the session needs and waits a moment for what is unknown. Gives the upstreams that are still unknown. */
  async awaitKnown(session: SessionFacts, options: { lazy: boolean }): Promise<string[]> {
    // A lazy upstream is started to learn what it lists, not to hear it again.
    const unknown = [...this.upstreams.values()]
      .filter((upstream) => options.lazy || upstream.config.start === "eager")
      .map((upstream) => upstream.connectionFor(session))
      .filter((connection) => !(connection.config.start === "lazy" ? this.#viewOf(connection) : this.#views.get(connection)));
    if (unknown.length === 0) return [];
    // Counted from when the newest of them began, so that one that hangs is waited for once and not by every request.
    const began = unknown.map((connection) => {
      const known = this.upstreams.get(connection.facts.key)?.known(session);
      return { known, since: connection.connectingSince ?? Number.NEGATIVE_INFINITY };
    });
    const rest = Math.max(0, Math.max(...began.map(({ since }) => since)) + KNOWING_WAIT - performance.now());
    await withDeadline(Promise.all(began.map(({ known }) => known)), rest, () => {});
    return unknown.filter((connection) => !this.#viewOf(connection)).map((connection) => connection.facts.key);
  }

  /** Starts an upstream that a session needs, and waits a moment for it. @throws HostError if it is not ready then */
  async awaitReady(session: SessionFacts, upstream: Upstream): Promise<void> {
    const connection = upstream.connectionFor(session);
    if (connection.isReady) return;
    const connected = connection.connect().catch((error: unknown) => {
      const now = upstream.connectionFor(session); // another, where the server turned out to be reached otherwise
      if (now === connection) throw error;
      return now.connect();
    });
    const rest = Math.max(0, (connection.connectingSince ?? Number.NEGATIVE_INFINITY) + KNOWING_WAIT - performance.now());
    await withDeadline(connected, rest, () => {
      throw unavailable(upstream.key, "is not ready yet");
    });
  }

  /** The only upstream, if there is exactly one. */
  get sole(): Upstream | undefined {
    return this.upstreams.size === 1 ? [...this.upstreams.values()][0] : undefined;
  }
}

/** Under which a view outlives its connection; undefined where nobody but one session could use it again. */
function lastKey({ facts, key }: Connection): string | undefined {
  return key.startsWith("session ") ? undefined : `${facts.key} ${key}`;
}
