import type { Caller } from "../exchange/caller.ts";
import type { Connection } from "../upstream/connection.ts";
import type { ServerFacts } from "../upstream/handshake.ts";
import type { RawLists } from "../upstream/lists.ts";
import type { VerdictStore } from "../upstream/upstream.ts";
import { BoundedMap } from "../wire/bounded-map.ts";
import type { View } from "./catalog.ts";

/** What a server said of itself and listed. */
export interface Remembered {
  readonly server: ServerFacts;
  readonly lists: RawLists;
}

/** Keeps it beyond the life of a host, and how servers are spoken to. No call throws. */
export interface CatalogStore extends VerdictStore {
  /** @param kind apart from what the connection is to: who it is for, and what was declared to the server */
  read(connection: Connection, kind: string): Promise<Remembered | undefined>;
  write(connection: Connection, kind: string, remembered: Remembered): void;
}

/** What is known of one kind of connections. */
interface Known {
  readonly server: ServerFacts | undefined;
  readonly view: View;
}

/** Kinds of connections that are remembered. */
const KINDS = 256;

/** What the last connection of a kind listed: the next one begins with it, in the life of this host or of the next. */
export class LastKnown {
  readonly #store: CatalogStore | undefined;
  readonly #kinds = new BoundedMap<string, Known>(KINDS);
  /** Connections of which the store was asked. */
  readonly #recalled = new WeakMap<Connection, Promise<void>>();

  constructor(store: CatalogStore | undefined) {
    this.#store = store;
  }

  of(connection: Connection): Known | undefined {
    const kind = kindOf(connection);
    return kind === undefined ? undefined : this.#kinds.get(kind);
  }

  keep(connection: Connection, view: View, lists: RawLists): void {
    const kind = kindOf(connection);
    if (kind === undefined) return;
    const server = connection.server && timeless(connection.server);
    this.#kinds.set(kind, { server, view });
    // What is missing a list would hide it from the next host.
    if (server && isStored(connection) && connection.listings.failed.size === 0) this.#store?.write(connection, kind, { server, lists });
  }

  /** Resolves when the store has told what it has of a connection; undefined where that was asked before. @param view makes a view of lists */
  recall(connection: Connection, view: (lists: RawLists) => Promise<View>): Promise<void> | undefined {
    const store = this.#store;
    const kind = kindOf(connection);
    if (!store || kind === undefined || this.#kinds.get(kind) || !isStored(connection)) return undefined;
    let recalled = this.#recalled.get(connection);
    if (!recalled) this.#recalled.set(connection, (recalled = this.#recall(store, connection, kind, view)));
    return recalled;
  }

  async #recall(store: CatalogStore, connection: Connection, kind: string, view: (lists: RawLists) => Promise<View>): Promise<void> {
    const remembered = await store.read(connection, kind);
    if (!remembered) return;
    const known = { server: remembered.server, view: await view(remembered.lists) };
    if (!this.#kinds.get(kind)) this.#kinds.set(kind, known); // it may have listed meanwhile
  }
}

/** The same for connections to one server on which it lists the same; undefined where nobody but one caller could use it again. */
function kindOf({ facts, key, owner, capabilities }: Connection): string | undefined {
  if (!key.startsWith("session ")) return `${facts.key} ${key}`;
  return owner?.sole && isLocal(owner) ? `${facts.key} only ${JSON.stringify(capabilities)}` : undefined;
}

/** What a server lists to single principals is not written down. */
function isStored({ facts, owner }: Connection): boolean {
  return facts.isolation === "shared" || owner !== undefined;
}

/** What a server said without how long it holds: that is nothing for another life. */
function timeless({ validity: _, ...server }: ServerFacts): ServerFacts {
  return server;
}

/** Whether a caller is that of the program or the person who runs the host. */
function isLocal({ principal }: Caller): boolean {
  return principal.id === "local";
}
