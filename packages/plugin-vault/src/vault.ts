import { existsSync } from "node:fs";
import { join } from "node:path";
import { copyOf, type Document } from "./document.ts";
import type { KeySource } from "./key-source.ts";
import { type Live, livePath, readLive, writeLive } from "./live.ts";
import { takeLock } from "./lock.ts";
import { VaultProblem } from "./problem.ts";
import { ownFolder } from "./safe-files.ts";
import type { Header } from "./sealed.ts";
import { Seen } from "./seen.ts";
import { type Opened, VaultFile } from "./vault-file.ts";

/** Changes that may wait. */
const MAX_WAITING = 10_000;

/** What a change gets: a copy of what is there, which is written once every change that waits was made. */
export interface Change {
  readonly document: Document;
  readonly live: Live;
  /** Says that the document was changed. What says nothing writes nothing. */
  changed(): void;
}

interface Job {
  run(change: Change): void;
  fail(error: unknown): void;
  done(): void;
}

/** How things stand with a vault. */
export interface VaultFacts {
  readonly header: Header;
  readonly document: Document;
  /** It is older than it was: a copy was put back. */
  readonly isOlder: boolean;
}

export interface VaultOptions {
  /** Has the vault's files, and nothing else. */
  readonly folder: string;
  readonly source: KeySource;
  /** The file that remembers generations. */
  readonly seen: string;
  /** Told of what is wrong and stops nothing. */
  readonly warn: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

/**
 * A vault that any number of processes use at once. What one process changes at the same time is one write; each write is on the disk before
 * it is answered.
 */
export class Vault {
  warn: VaultOptions["warn"];
  readonly folder: string;
  readonly #file: VaultFile;
  readonly #seen: Seen;
  readonly #live: string;
  #waiting: Job[] = [];
  #working: Promise<void> | undefined;
  #toldOf: number | undefined;

  constructor({ folder, source, seen, warn }: VaultOptions) {
    this.folder = folder;
    this.warn = warn;
    this.#file = new VaultFile(folder, source);
    this.#seen = new Seen(seen);
    this.#live = livePath(this.#file.path);
  }

  get path(): string {
    return this.#file.path;
  }

  get livePath(): string {
    return this.#live;
  }

  get source(): KeySource {
    return this.#file.source;
  }

  /** A text that changes whenever the vault does. */
  stamp(): string | undefined {
    return this.#file.stamp();
  }

  /** What the vault holds once what this process had it change is changed; undefined where there is none yet. @throws VaultProblem */
  async read(): Promise<VaultFacts | undefined> {
    while (this.#working) await this.#working;
    const seen = this.#seen.upToNow();
    const opened = await this.#file.read();
    return opened && { header: opened.keys.header, document: opened.document, isOlder: this.#compare(opened, seen) };
  }

  /** What is shared and does not last; undefined where there is no vault yet. */
  async readLive(): Promise<Live | undefined> {
    const facts = await this.read();
    return facts && readLive(this.#live, liveKeyOf(facts.document), facts.header.id);
  }

  /** Has something changed under the lock, and gives what `run` gives. What it throws changes nothing. The vault is made where there is none. */
  change<T>(run: (change: Change) => T): Promise<T> {
    if (this.#waiting.length >= MAX_WAITING)
      return Promise.reject(
        new VaultProblem("busy", `${MAX_WAITING} changes wait to be written to ${this.path}; whoever stores does not wait`),
      );
    return new Promise<T>((resolve, reject) => {
      let result: T;
      this.#waiting.push({
        run: (change) => {
          result = run(change);
        },
        fail: reject,
        done: () => resolve(result),
      });
      this.#working ??= this.#work();
    });
  }

  async #work(): Promise<void> {
    await Promise.resolve(); // what is asked for in one go is one write
    while (this.#waiting.length > 0) {
      const jobs = this.#waiting;
      this.#waiting = [];
      const failed = new Set<Job>();
      try {
        await this.#alone(async (opened, isMine) => {
          const document = copyOf(opened.document);
          const live = readLive(this.#live, liveKeyOf(document), opened.keys.header.id);
          let isChanged = false;
          const change: Change = { document, live, changed: () => void (isChanged = true) };
          for (const job of jobs) {
            try {
              job.run(change);
            } catch (error) {
              failed.add(job);
              job.fail(error);
            }
          }
          if (isChanged || opened.document.generation === 0) await this.#write({ ...opened, document }, isMine);
          if (live.isChanged) await writeLive(this.#live, liveKeyOf(document), opened.keys.header.id, live, isMine);
        });
        for (const job of jobs) if (!failed.has(job)) job.done();
      } catch (error) {
        this.#file.forget();
        for (const job of jobs) job.fail(error);
      }
    }
    this.#working = undefined;
  }

  /** Works on what is there, or on a vault that begins, while nobody else does. */
  async #alone<T>(work: (opened: Opened, isMine: () => boolean) => Promise<T>): Promise<T> {
    ownFolder(this.folder);
    const lock = await takeLock(join(this.folder, "lock"));
    try {
      this.#file.tidy();
      const seen = this.#seen.upToNow();
      const opened = await this.#file.read();
      if (opened) this.#compare(opened, seen);
      return await work(opened ?? (await this.#file.begin()), lock.isMine);
    } finally {
      lock.release();
    }
  }

  async #write({ keys, document }: Opened, isMine: () => boolean): Promise<void> {
    const { id } = keys.header;
    document.generation = Math.max(document.generation, this.#seen.upToNow()(id)) + 1;
    await this.#file.write({ keys, document }, isMine);
    this.#seen.remember(id, document.generation);
  }

  /** Says of a vault that was put back as it was earlier that it was, and gives whether it was. */
  #compare({ keys, document }: Opened, newestSeen: (id: string) => number): boolean {
    const { generation } = document;
    const seen = newestSeen(keys.header.id);
    if (seen <= generation) {
      this.#toldOf = undefined;
      return false;
    }
    if (this.#toldOf !== generation)
      this.warn("the vault is older than it was: somebody put an earlier copy back, whose tokens may have been replaced since", {
        vault: this.path,
        generation,
        seen,
      });
    this.#toldOf = generation;
    return true;
  }

  /** Gives the vault another key, kept where `to` says. @throws VaultProblem where there is no vault */
  async rotate(to: KeySource = this.source): Promise<Header> {
    while (this.#working) await this.#working;
    if (!existsSync(this.path))
      throw new VaultProblem("refused", `there is no vault ${this.path} yet; \`mcp-host secret set NAME\` makes one`);
    return this.#alone(async (opened, isMine) => {
      const document = copyOf(opened.document);
      document.generation = Math.max(document.generation, this.#seen.upToNow()(opened.keys.header.id));
      try {
        const { header } = await this.#file.rotate({ ...opened, document }, to, isMine);
        this.#seen.remember(header.id, document.generation);
        return header;
      } catch (error) {
        this.#file.forget();
        throw error;
      }
    });
  }
}

function liveKeyOf({ liveKey }: Document): Buffer {
  return Buffer.from(liveKey, "base64");
}
