import { statSync } from "node:fs";
import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import { logOf, numberOf } from "./database.ts";
import { is } from "./failure.ts";

/** Milliseconds that a message stays for hosts that look for it. */
const MESSAGE_LIFE = 60_000;
/** The same where there is no room. */
const SHORT_MESSAGE_LIFE = 5_000;
/** So much goes in one transaction, so that nobody waits long for the next. */
const PORTION = 500;
/** Of a full file so much is made free at once. */
const SHARE = 0.02;
/** The log beside the file may have so many bytes before it is emptied by force; SQLite itself does so at about 4 MiB, unless everybody writes all the time. */
const MAX_LOG = 64 * 1024 ** 2;
/** Milliseconds that this waits for who reads, since everybody else waits for it. */
const EMPTYING = 50;
/** After so many bytes written the log is looked at. */
const LOOK_EVERY = 8 * 1024 ** 2;

/** Keeps a store file within its bounds. */
export class Room {
  readonly #database: DatabaseSyncInstance;
  readonly #timeout: number;
  readonly #log: string;
  readonly #pageSize: number;
  readonly #maxPages: number;
  #written = 0;

  /** @param timeout milliseconds that the connection waits for a lock */
  constructor(database: DatabaseSyncInstance, maxSize: number, timeout: number) {
    this.#database = database;
    this.#timeout = timeout;
    this.#log = logOf(database);
    this.#pageSize = numberOf(database, "pragma page_size");
    // A file that is larger already stays as it is, and does not grow.
    this.#maxPages = numberOf(database, `pragma max_page_count = ${Math.floor(maxSize / this.#pageSize)}`);
    database.exec(`pragma journal_size_limit = ${MAX_LOG}`);
  }

  /** Removes what is over, in portions: true while there may be more. Gives way to whoever writes. */
  sweep(): boolean {
    const now = Date.now();
    const over = [
      `entries where key in (select key from entries where expires <= ${now} limit ${PORTION})`,
      `leases where expires <= ${now}`,
      `messages where id in (select id from messages where at <= ${now - MESSAGE_LIFE} order by id limit ${PORTION})`,
    ];
    try {
      // To look takes no lock, and most of the time there is nothing.
      return over
        .map((what) => numberOf(this.#database, `select exists (select 1 from ${what})`) === 1 && this.#delete(what) >= PORTION)
        .includes(true);
    } catch (error) {
      if (is(error, "busy")) return false; // the next time, or another host
      throw error;
    }
  }

  /**
   * Makes room for so many bytes in a file that is full: of what is over, of messages that everybody had time to get, then of values
   * with a time to live, those first that would go first. Gives how many of those went.
   */
  make(bytes: number): number {
    while (this.sweep());
    const wanted = Math.ceil(Math.max((2 * bytes) / this.#pageSize + 10, this.#maxPages * SHARE));
    if (this.#free() < wanted) this.#delete(`messages where at <= ${Date.now() - SHORT_MESSAGE_LIFE}`);
    let evicted = 0;
    while (this.#free() < wanted) {
      const gone = this.#delete(
        `entries where key in (select key from entries where expires is not null order by expires limit ${PORTION})`,
      );
      if (gone === 0) break;
      evicted += gone;
    }
    return evicted;
  }

  /** Told of what is written, keeps the log beside the file from growing without end. */
  wrote(bytes: number): void {
    this.#written += bytes;
    if (this.#written < LOOK_EVERY) return;
    this.#written = 0;
    const size = statSync(this.#log, { throwIfNoEntry: false })?.size ?? 0;
    if (size > MAX_LOG) this.emptyLog();
  }

  /** So that the file alone is whole, if nobody reads what is in the log. */
  emptyLog(): void {
    this.#database.exec(`pragma busy_timeout = ${EMPTYING}; pragma wal_checkpoint(truncate); pragma busy_timeout = ${this.#timeout}`);
  }

  #delete(what: string): number {
    return Number(this.#database.prepare(`delete from ${what}`).run().changes);
  }

  /** Pages that can be written to. */
  #free(): number {
    return numberOf(this.#database, "pragma freelist_count") + this.#maxPages - numberOf(this.#database, "pragma page_count");
  }
}
