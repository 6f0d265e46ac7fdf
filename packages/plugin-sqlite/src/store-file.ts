import type { Awaitable, Store } from "mcp-host";
import { Messages } from "./messages.ts";
import type { Operation, Results } from "./operation.ts";
import type { Reader } from "./reader.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { Writer } from "./writer.ts";

export interface StoreFileOptions {
  /** Absolute. */
  readonly file: string;
  readonly maxSize: number;
  readonly timeout: number;
  readonly poll: number;
  readonly warn: (message: string, details?: Record<string, unknown>) => void;
}

interface Open {
  readonly writer: Writer;
  readonly reader: Reader;
}

/** Milliseconds between two warnings of the same thing. */
const QUIET = 60_000;

/** A store file as one host has it: a thread that writes, a connection that reads, and who listens. Opened when it is first used. */
export class StoreFile {
  readonly #options: StoreFileOptions;
  readonly #messages: Messages;
  readonly #warned = new Map<string, number>();
  #opening: Promise<Open> | undefined;
  #open: Open | undefined;
  #closed = false;

  constructor(options: StoreFileOptions) {
    this.#options = options;
    this.#messages = new Messages({ poll: options.poll, trouble: (what) => this.#warn(what) });
  }

  store(name: string): Store {
    return new SqliteStore(this, name);
  }

  /** @throws Error with the remedy where the file cannot be used */
  async open(): Promise<void> {
    await this.#opened();
  }

  /** The value of a key as JSON. At once where nothing has to be waited for. */
  get(key: string): Awaitable<string | undefined> {
    if (this.#open?.writer.isAlive && !this.#open.writer.isChanging(key)) {
      const found = this.#open.reader.get(key);
      if (found) return found.text;
    }
    return this.ask({ do: "get", key });
  }

  async ask<Name extends Operation["do"]>(operation: Extract<Operation, { do: Name }>): Promise<Results[Name]> {
    const { writer } = this.#open?.writer.isAlive ? this.#open : await this.#opened();
    return writer.ask<Name>(operation);
  }

  async publish(topic: string, message: string): Promise<void> {
    await this.ask({ do: "publish", topic, message });
    this.#messages.look();
  }

  subscribe(topic: string, listener: (message: unknown) => void): () => void {
    const end = this.#messages.subscribe(topic, listener);
    this.#opened().catch(({ message }: Error) => this.#warn(message));
    return end;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#messages.close();
    const opening = this.#opening;
    this.#open = this.#opening = undefined;
    const open = await opening?.catch(() => undefined);
    open?.reader.close();
    await open?.writer.close();
  }

  #opened(): Promise<Open> {
    if (this.#closed) return Promise.reject(new Error(`the store file ${this.#options.file} was closed`));
    if (this.#open && !this.#open.writer.isAlive) {
      this.#warn("the thread that writes has ended, and another begins", { file: this.#options.file });
      this.#open.reader.close();
      this.#open = this.#opening = undefined;
    }
    if (!this.#opening) {
      const opening = this.#start();
      this.#opening = opening;
      opening.catch(() => {
        this.#opening = undefined; // the next one tries again
      });
    }
    return this.#opening;
  }

  async #start(): Promise<Open> {
    const { file, maxSize, timeout } = this.#options;
    const writer = new Writer({
      file,
      maxSize,
      timeout,
      evicted: (count) => this.#warn("the store file is full, and values with a time to live make room", { file, count }),
      trouble: (what) => this.#warn(what),
    });
    await writer.opened;
    try {
      // Loaded here, so that a config that names the plugin costs nothing until its host starts.
      const { Reader } = await import("./reader.ts");
      const reader = new Reader(file);
      this.#open = { writer, reader };
      this.#messages.open(reader);
      return this.#open;
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  #warn(message: string, details?: Record<string, unknown>): void {
    const now = performance.now();
    if (now - (this.#warned.get(message) ?? Number.NEGATIVE_INFINITY) < QUIET) return;
    if (this.#warned.size > 100) this.#warned.clear();
    this.#warned.set(message, now);
    this.#options.warn(message, details);
  }
}
