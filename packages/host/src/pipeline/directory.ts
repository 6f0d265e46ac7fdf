import type { Caller } from "../exchange/caller.ts";
import type { Entry } from "../exchange/entry.ts";
import type { Connection } from "../upstream/connection.ts";
import { unavailable } from "../upstream/failure.ts";
import type { ServerFacts } from "../upstream/handshake.ts";
import type { RawLists } from "../upstream/lists.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { withDeadline } from "../wire/deadline.ts";
import { type Catalog, Offer, type View } from "./catalog.ts";
import { type CatalogStore, LastKnown } from "./last-known.ts";

/** How long `initialize` and lists wait for upstreams of which nothing is known yet: a client should not wait long for one slow server. */
const KNOWING_WAIT = 2_000;

/** An upstream of which nothing is known. */
export interface UnknownUpstream {
  readonly key: string;
  /** Whether it was being connected, or asked for its lists, when somebody began to wait for it. */
  readonly wasStarting: boolean;
  /** Why it tells nobody what it has until somebody has signed in. */
  readonly needsSignIn: string | undefined;
}

/** Which upstreams there are, and what each caller is offered through its own connections to them. */
export class Directory {
  readonly catalog: Catalog;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly #views = new WeakMap<Connection, View>();
  readonly #offers = new WeakMap<Caller, { epoch: number; offer: Offer }>();
  readonly #last: LastKnown;
  /** What any connection listed last, by upstream. */
  readonly #newest = new Map<string, View>();
  readonly #sole: Upstream | undefined;
  #surveyed: { epoch: number; offer: Offer } | undefined;
  #named: { epoch: number; entries: ReadonlyMap<string, Entry> } | undefined;
  /** What members of groups have and do not list themselves, by what their group lists. */
  readonly #ofMembers = new WeakMap<Entry, Map<string, Entry>>();
  #epoch = 0;

  readonly #wait: number | undefined;
  /** How long what the host announces changes of may be kept, in milliseconds. */
  readonly ttl: number;

  /** @param options.wait the config's, in milliseconds, as `ttl` is */
  constructor(
    catalog: Catalog,
    upstreams: ReadonlyMap<string, Upstream>,
    { wait, ttl, store }: { readonly wait?: number | undefined; readonly ttl: number; readonly store?: CatalogStore | undefined },
  ) {
    this.ttl = ttl;
    this.catalog = catalog;
    this.upstreams = upstreams;
    const servers = [...upstreams.values()].filter(({ facts }) => facts.wire !== "plugin");
    this.#sole = servers.length === 1 ? servers[0] : undefined;
    this.#wait = wait;
    this.#last = new LastKnown(store);
    catalog.lookAt(
      () => this.preview(),
      (entry, { upstream, native }) => this.reached(entry, upstream, native),
    );
  }

  /**
   * What a call really reaches by this native name of an upstream. What a member of a group has and does not list itself is what the
   * group lists, of that member; anything else that is not listed goes by its native name.
   */
  reached(named: Entry, upstream: string, native: string): Entry {
    const { kind, members } = named;
    const listed = this.#entries().get(keyOf({ kind, upstream, native }));
    if (listed) return listed;
    if (!members?.some((member) => member.upstream === upstream && member.native === native))
      return { kind, name: native, upstream, native, definition: {} };
    let ofMembers = this.#ofMembers.get(named);
    if (!ofMembers) this.#ofMembers.set(named, (ofMembers = new Map()));
    let reached = ofMembers.get(upstream);
    if (!reached) {
      const { members: _, ...grouped } = named;
      ofMembers.set(upstream, (reached = Object.freeze({ ...grouped, upstream, native })));
    }
    return reached;
  }

  /** All that is known of any upstream by the names that it has or would have, whether it is offered now or not. */
  #entries(): ReadonlyMap<string, Entry> {
    if (this.#named?.epoch !== this.#epoch) {
      const views = [...this.upstreams.keys()].flatMap((key) => this.#newest.get(key) ?? []);
      // Of two that an upstream lists by one native name, the first counts.
      const entries = new Map(
        this.catalog
          .named(views)
          .map((entry) => [keyOf(entry), entry] as const)
          .reverse(),
      );
      this.#named = { epoch: this.#epoch, entries };
    }
    return this.#named.entries;
  }

  /** A connection has read its lists. */
  async listed(connection: Connection): Promise<void> {
    const lists = connection.listings.known;
    if (!lists || this.upstreams.get(connection.facts.key)?.facts !== connection.facts) return;
    const view = await this.catalog.view(connection.facts, lists, new Map(connection.listings.problems));
    if (connection.listings.known !== lists) return; // read again meanwhile; the newer one counts
    this.#views.set(connection, view);
    this.#newest.set(connection.facts.key, view);
    this.#last.keep(connection, view, lists);
    this.#epoch++;
  }

  /** What a connection lists or, until it has listed, what the last one of its kind did. */
  #viewOf(connection: Connection): View | undefined {
    return this.#views.get(connection) ?? this.#last.of(connection)?.view;
  }

  /** What a connection's server said of itself or, until it has, what it said last. */
  serverOf(connection: Connection): ServerFacts | undefined {
    return connection.server ?? this.#last.of(connection)?.server;
  }

  /** Whether a caller is served by an upstream in the modern era. */
  isModern(upstream: string, caller: Caller): boolean {
    const connection = this.upstreams.get(upstream)?.connectionFor(caller);
    return connection !== undefined && this.serverOf(connection)?.era === "modern";
  }

  /** What was kept of a connection that has not listed yet. */
  #recall(connection: Connection): Promise<void> | undefined {
    if (this.#views.get(connection)) return undefined;
    const view = (lists: RawLists) => this.catalog.view(connection.facts, lists, new Map());
    return this.#last.recall(connection, view)?.then(() => {
      const known = this.#last.of(connection)?.view;
      // Names are given for what is known, whether or not it is up already.
      if (known && !this.#newest.has(connection.facts.key)) this.#newest.set(connection.facts.key, known);
      this.#epoch++;
    });
  }

  /** The connections whose servers make up what the caller is offered. */
  connections(caller: Caller): Connection[] {
    return [...this.upstreams.values()].map((upstream) => upstream.connectionFor(caller));
  }

  /** What the caller is offered, as far as it is known now. */
  offer(caller: Caller): Offer {
    const kept = this.#offers.get(caller);
    if (kept?.epoch === this.#epoch) return kept.offer;
    const views: View[] = [];
    for (const upstream of this.upstreams.values()) {
      const view = this.#viewOf(upstream.connectionFor(caller));
      if (view) views.push(view);
    }
    const offer = this.catalog.offer(views);
    this.#offers.set(caller, { epoch: this.#epoch, offer });
    return offer;
  }

  /** What operators and plugins see: all that is known now, whoever it is for. Gives nobody a name, so it may come early. */
  preview(): Offer {
    const before = this.#surveyed;
    if (before?.epoch === this.#epoch) return before.offer;
    // A plugin may look from within `merge`: it sees what was before.
    this.#surveyed = { epoch: this.#epoch, offer: before?.offer ?? new Offer([], []) };
    const views = [...this.upstreams.keys()].flatMap((key) => this.#newest.get(key) ?? []);
    const offer = this.catalog.survey(views);
    this.#surveyed = { epoch: this.#epoch, offer };
    return offer;
  }

  /**
   * Starts what the caller needs and waits a moment for what is unknown. Gives the upstreams that are still unknown.
   * @param options.enough asked whenever something more is known: whether nothing else is waited for; default: for all
   */
  async awaitKnown(caller: Caller, options: { lazy: boolean; isCall?: boolean; enough?: () => boolean }): Promise<UnknownUpstream[]> {
    const connections = [...this.upstreams.values()]
      .filter(({ config }) => options.lazy || config.start === "eager")
      .map((upstream) => upstream.connectionFor(caller));
    const recalled = connections.flatMap((connection) => this.#recall(connection) ?? []);
    if (recalled.length > 0) await Promise.all(recalled);
    const unknown = connections.filter((connection) => !this.#viewOf(connection));
    // One whose lists are known from before begins to connect, and nobody waits; a lazy one is started by its first call.
    for (const connection of connections)
      if (connection.config.start === "eager" && !this.#views.get(connection) && !unknown.includes(connection))
        void this.upstreams.get(connection.facts.key)?.known(caller);
    if (unknown.length === 0) return [];
    // A call by a name must not fail because it came early; a client that has its servers to itself waits for them anyway.
    const isPatient = options.isCall === true || (caller.sole && this.#wait === undefined);
    // Counted from when each began, so that one that hangs is waited for once and not by every request.
    const began = unknown.map((connection) => {
      const known = this.upstreams.get(connection.facts.key)?.known(caller);
      const patience = isPatient ? connection.config.startTimeout : (this.#wait ?? KNOWING_WAIT);
      const until = (connection.connectingSince ?? Number.NEGATIVE_INFINITY) + patience;
      return { connection, known, until, wasStarting: connection.state === "connecting" || connection.isReady };
    });
    const rest = Math.max(0, Math.max(...began.map(({ until }) => until)) - performance.now());
    await withDeadline(
      allOrEnough(
        began.map(({ known }) => known),
        options.enough,
      ),
      rest,
      () => {},
    );
    return began.flatMap(({ connection, wasStarting }) => {
      const { key } = connection.facts;
      const now = this.upstreams.get(key)?.connectionFor(caller); // another, where the server turned out to be reached otherwise
      if (now && this.#viewOf(now)) return [];
      return [{ key, wasStarting, needsSignIn: now?.state === "needs sign-in" ? now.reason : undefined }];
    });
  }

  /** Starts an upstream that a caller needs, and waits a moment for it. @throws HostError if it is not ready then */
  async awaitReady(caller: Caller, upstream: Upstream): Promise<void> {
    const connection = upstream.connectionFor(caller);
    if (connection.isReady) return;
    const connected = connection.connect().catch((error: unknown) => {
      const now = upstream.connectionFor(caller); // another, where the server turned out to be reached otherwise
      if (now === connection) throw error;
      return now.connect();
    });
    const until = (connection.connectingSince ?? Number.NEGATIVE_INFINITY) + (this.#wait ?? KNOWING_WAIT);
    const rest = Math.max(0, until - performance.now());
    await withDeadline(connected, rest, () => {
      throw unavailable(upstream.key, "is not ready yet");
    });
  }

  /** All that `permit` lets a caller use, shown or not. */
  visible(caller: Caller): readonly Entry[] {
    return this.offer(caller).entries.filter((entry) => this.catalog.permits(entry, caller));
  }

  /** The only server, if there is exactly one: what plugins offer beside it changes nothing for it. */
  get sole(): Upstream | undefined {
    return this.#sole;
  }
}

/** Resolves when all have, or when one of them made it enough. */
function allOrEnough(all: readonly (Promise<void> | undefined)[], enough: (() => boolean) | undefined): Promise<unknown> {
  if (!enough) return Promise.all(all);
  return new Promise((resolve, reject) => {
    Promise.all(all.map((each) => each?.then(() => enough() && resolve(undefined)))).then(resolve, reject);
  });
}

function keyOf({ kind, upstream, native }: Pick<Entry, "kind" | "upstream" | "native">): string {
  return `${kind} ${upstream} ${native}`;
}
