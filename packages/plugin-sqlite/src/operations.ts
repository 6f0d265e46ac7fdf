import type { DatabaseSyncInstance, StatementSyncInstance } from "@photostructure/sqlite";
import { rowsOf } from "./database.ts";
import type { Operation, Result } from "./operation.ts";

/** So many messages are kept at most. */
const MAX_MESSAGES = 10_000;
/** Older ones are looked for each time that so many have come. */
const TRIM_EVERY = 250;

const STATEMENTS = {
  get: "select value, expires from entries where key = ?1 and (expires is null or expires > ?2)",
  set: "insert into entries (key, value, expires) values (?1, ?2, ?3) on conflict do update set value = excluded.value, expires = excluded.expires",
  replace: "update entries set value = ?2 where key = ?1",
  delete: "delete from entries where key = ?1",
  lease:
    "insert into leases (name, owner, expires) values (?1, ?2, ?3) on conflict do update set owner = excluded.owner, expires = excluded.expires where expires <= ?4",
  renew: "update leases set expires = ?3 where name = ?1 and owner = ?2 and expires > ?4",
  release: "delete from leases where name = ?1 and owner = ?2",
  publish: "insert into messages (topic, body, at) values (?1, ?2, ?3)",
  trim: "delete from messages where id <= ?1",
} as const;

/** The operations as SQL, each inside of a transaction that somebody else begins and ends. */
export class Operations {
  readonly #statements: Record<keyof typeof STATEMENTS, StatementSyncInstance>;

  constructor(database: DatabaseSyncInstance) {
    const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, rowsOf(database, sql)]);
    this.#statements = Object.fromEntries(prepared) as Record<keyof typeof STATEMENTS, StatementSyncInstance>; // of each its own
  }

  run(operation: Operation): Result {
    const now = Date.now();
    switch (operation.do) {
      case "get":
        return this.#value(operation.key, now);
      case "set":
        return this.#set(operation.key, operation.value, operation.ttl, now);
      case "delete":
        return this.#delete(operation.key);
      case "increment":
        return this.#increment(operation.key, operation.by, operation.ttl, now);
      case "swap": {
        const found = this.#value(operation.key, now);
        if (found !== operation.expected) return { swapped: false, found };
        this.#swap(operation.key, found, operation.value, operation.ttl, now);
        return { swapped: true, found };
      }
      case "lease":
        return this.#changed("lease", operation.name, operation.owner, now + operation.ttl, now);
      case "renew":
        return this.#changed("renew", operation.name, operation.owner, now + operation.ttl, now);
      case "release":
        this.#changed("release", operation.name, operation.owner);
        return undefined;
      case "publish":
        return this.#publish(operation.topic, operation.message, now);
    }
  }

  #value(key: string, now: number): string | undefined {
    return (this.#statements.get.get(key, now) as [string] | undefined)?.[0]; // the statement's columns
  }

  #set(key: string, value: string, ttl: number | undefined, now: number): undefined {
    this.#statements.set.run(key, value, ttl === undefined ? null : now + ttl);
  }

  #delete(key: string): undefined {
    this.#statements.delete.run(key);
  }

  #increment(key: string, by: number, ttl: number | undefined, now: number): number {
    const text = this.#value(key, now);
    const before: unknown = text === undefined ? undefined : JSON.parse(text);
    const value = (typeof before === "number" ? before : 0) + by;
    if (!Number.isFinite(value)) throw new RangeError(`a counter cannot become ${value}`);
    // In its place: the life of a counter began with its first step.
    if (text === undefined) this.#set(key, JSON.stringify(value), ttl, now);
    else this.#statements.replace.run(key, JSON.stringify(value));
    return value;
  }

  #swap(key: string, found: string | undefined, value: string | undefined, ttl: number | undefined, now: number): void {
    if (value === undefined) this.#delete(key);
    else if (ttl === undefined && found !== undefined) this.#statements.replace.run(key, value);
    else this.#set(key, value, ttl, now);
  }

  #publish(topic: string, message: string, now: number): undefined {
    const id = Number(this.#statements.publish.run(topic, message, now).lastInsertRowid);
    if (id % TRIM_EVERY === 0) this.#statements.trim.run(id - MAX_MESSAGES);
  }

  #changed(statement: "lease" | "renew" | "release", ...values: (string | number)[]): boolean {
    return Number(this.#statements[statement].run(...values).changes) > 0;
  }
}
