import type { Connection } from "../upstream/connection.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Catalog, Offer, View } from "./catalog.ts";
import type { SessionFacts } from "./exchange.ts";

/** How long a list or a look-up waits for upstreams of which nothing is known yet (DESIGN section 4). */
export const KNOWING_WAIT = 2_000;

/** Which upstreams there are, and what each session is offered through its own connections to them. */
export class Directory {
  readonly catalog: Catalog;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly #views = new WeakMap<Connection, View>();
  readonly #offers = new WeakMap<SessionFacts, { epoch: number; offer: Offer }>();
  #epoch = 0;

  constructor(catalog: Catalog, upstreams: ReadonlyMap<string, Upstream>) {
    this.catalog = catalog;
    this.upstreams = upstreams;
  }

  /** A connection has read its lists. */
  async listed(connection: Connection): Promise<void> {
    const lists = connection.listings.known;
    if (!lists) return;
    const view = await this.catalog.view(connection.facts, lists);
    if (connection.listings.known !== lists) return; // read again meanwhile; the newer one counts
    this.#views.set(connection, view);
    this.#epoch++;
  }

  /** What the session is offered, as far as it is known now. */
  offer(session: SessionFacts): Offer {
    const kept = this.#offers.get(session);
    if (kept?.epoch === this.#epoch) return kept.offer;
    const views: View[] = [];
    for (const upstream of this.upstreams.values()) {
      const view = this.#views.get(upstream.connectionFor(session));
      if (view) views.push(view);
    }
    const offer = this.catalog.offer(views);
    this.#offers.set(session, { epoch: this.#epoch, offer });
    return offer;
  }

  /**
   * Makes a first offer for operators, who may look before any client came. Not while a server is starting or is yet to
   * start: a name that it has would be pinned to another.
   */
  preview(): void {
    if (this.catalog.entries().length > 0) return;
    const views: View[] = [];
    for (const { connections } of this.upstreams.values()) {
      const all = [...connections.values()];
      const view = all.map((connection) => this.#views.get(connection)).find((known) => known !== undefined);
      if (view) views.push(view);
      else if (all.length === 0 || all.some(({ state }) => state === "idle" || state === "connecting" || state === "ready")) return;
    }
    this.catalog.offer(views);
  }

  /** Starts what the session needs and waits a moment for what is unknown. Gives the upstreams that are still unknown. */
  async settle(session: SessionFacts, options: { lazy: boolean }): Promise<string[]> {
    const unknown = [...this.upstreams.values()]
      .filter((upstream) => options.lazy || upstream.config.start === "eager")
      .map((upstream) => upstream.connectionFor(session))
      .filter((connection) => !this.#views.has(connection));
    if (unknown.length === 0) return [];
    // Counted from when the newest of them began, so that one that hangs is waited for once and not by every request.
    const began = unknown.map((connection) => {
      const known = connection.known();
      return { known, since: connection.connectingSince ?? Number.NEGATIVE_INFINITY };
    });
    const rest = Math.max(0, Math.max(...began.map(({ since }) => since)) + KNOWING_WAIT - performance.now());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, rest);
    });
    await Promise.race([Promise.all(began.map(({ known }) => known)), late]);
    clearTimeout(timer);
    return unknown.filter((connection) => !this.#views.has(connection)).map((connection) => connection.facts.key);
  }

  /** The only upstream, if there is exactly one. */
  get sole(): Upstream | undefined {
    return this.upstreams.size === 1 ? [...this.upstreams.values()][0] : undefined;
  }
}
