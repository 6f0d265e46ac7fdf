import type { DatabaseSyncInstance, StatementSyncInstance } from "@photostructure/sqlite";
import { openExisting, rowsOf } from "./database.ts";
import { explained, is } from "./failure.ts";

/** A message as it is in the file. */
export interface Message {
  readonly id: number;
  readonly topic: string;
  readonly body: string;
}

/** Milliseconds that opening may wait for who puts the file in order. */
const OPENING = 500;
/** So many messages are read at once. */
const PORTION = 200;

/**
 * Reads on the event loop: no read waits for a writer, and asking the thread would take the loop longer. What would have to wait all
 * the same, such as for another process that puts the file in order after a crash, is left to who asks.
 */
export class Reader {
  readonly #file: string;
  readonly #database: DatabaseSyncInstance;
  readonly #get: StatementSyncInstance;
  readonly #version: StatementSyncInstance;
  readonly #messages: StatementSyncInstance;
  readonly #bounds: StatementSyncInstance;

  constructor(file: string) {
    this.#file = file;
    this.#database = openExisting({ file, timeout: OPENING });
    this.#database.exec("pragma busy_timeout = 0; pragma query_only = true");
    this.#get = rowsOf(this.#database, "select value from entries where key = ?1 and (expires is null or expires > ?2)");
    this.#version = rowsOf(this.#database, "pragma data_version");
    this.#messages = rowsOf(
      this.#database,
      `select id, topic, body from messages where id > ?1 and topic in (select value from json_each(?2)) order by id limit ${PORTION}`,
    );
    this.#bounds = rowsOf(
      this.#database,
      "select (select min(id) from messages), coalesce((select seq from sqlite_sequence where name = 'messages'), 0)",
    );
  }

  /** The value of a key as JSON, if there is one; undefined altogether where the read would have to wait. */
  get(key: string): { readonly text: string | undefined } | undefined {
    return this.#try(() => ({ text: (this.#get.get(key, Date.now()) as [string] | undefined)?.[0] }));
  }

  /** A number that is another one when somebody wrote. */
  version(): number | undefined {
    return this.#try(() => (this.#version.get() as [number])[0]);
  }

  /** The first messages after one, about these topics (a JSON list). */
  messages(after: number, topics: string): Message[] | undefined {
    return this.#try(() =>
      (this.#messages.all(after, topics) as [number, string, string][]).map(([id, topic, body]) => ({ id, topic, body })),
    );
  }

  /** The numbers of the oldest message that is kept, and of the last that there was; 0 without any. */
  bounds(): { readonly oldest: number | undefined; readonly last: number } | undefined {
    return this.#try(() => {
      const [oldest, last] = this.#bounds.get() as [number | null, number];
      return { oldest: oldest ?? undefined, last };
    });
  }

  /** The binding lets go of the file when the statements are collected as garbage. */
  close(): void {
    this.#database.close();
  }

  #try<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (is(error, "busy")) return undefined;
      throw new Error(explained(error, this.#file));
    }
  }
}
