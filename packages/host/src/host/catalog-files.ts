import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AnyUpstreamConfig } from "../config/offered.ts";
import type { Logger } from "../log.ts";
import type { CatalogStore, Remembered } from "../pipeline/last-known.ts";
import { briefReason } from "../redact.ts";
import type { Connection } from "../upstream/connection.ts";
import type { Verdict } from "../upstream/verdict.ts";
import { VERSION } from "../version.ts";

/** Longest text of one file, in UTF-16 units. */
const MOST = 8 * 1024 * 1024;
/** The kind of the file that says how a server is spoken to; connections have others. */
const ERA = "era";
/** Files in the folder; those that were written longest ago go. */
const FILES = 256;

/**
 * What servers listed last, in files of the user's own. A file is named after the server's entry in the config and the kind of
 * connection, so that nothing is known of an entry that was changed.
 */
export class CatalogFiles implements CatalogStore {
  readonly #folder: string;
  readonly #log: Logger;
  /** What was written or read last, by file. */
  readonly #known = new Map<string, string>();
  #writing: Promise<void> = Promise.resolve();
  #isTidy = false;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  read(connection: Connection, kind: string): Promise<Remembered | undefined> {
    return this.#read(connection.config, kind) as Promise<Remembered | undefined>; // only what write() wrote is there, under a name that tells its version
  }

  write(connection: Connection, kind: string, remembered: Remembered): void {
    this.#write(connection.config, kind, remembered);
  }

  async readVerdict(config: AnyUpstreamConfig): Promise<Verdict | undefined> {
    return ((await this.#read(config, ERA)) ?? undefined) as Verdict | undefined; // as above
  }

  writeVerdict(config: AnyUpstreamConfig, verdict: Verdict | undefined): void {
    this.#write(config, ERA, verdict ?? null);
  }

  async #read(config: AnyUpstreamConfig, kind: string): Promise<unknown> {
    const file = this.#fileOf(config, kind);
    if (file === undefined) return undefined;
    try {
      const { size } = await stat(file);
      if (size > 4 * MOST) return undefined;
      const text = await readFile(file, "utf8");
      this.#known.set(file, text);
      return JSON.parse(text);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#tell(file, error);
      return undefined;
    }
  }

  #write(config: AnyUpstreamConfig, kind: string, known: unknown): void {
    const file = this.#fileOf(config, kind);
    if (file === undefined) return;
    const text = JSON.stringify(known);
    if (text.length > MOST || this.#known.get(file) === text) return;
    this.#known.set(file, text);
    this.#writing = this.#writing.then(() => this.#put(file, text)).catch((error: unknown) => this.#tell(file, error));
  }

  /** Resolves when what was given is written. */
  written(): Promise<void> {
    return this.#writing;
  }

  async #put(file: string, text: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, text, { mode: 0o600 });
    await rename(draft, file);
    if (this.#isTidy) return;
    this.#isTidy = true;
    const all = await Promise.all(
      (await readdir(this.#folder)).map(async (name) => {
        const path = join(this.#folder, name);
        return { path, time: (await stat(path)).mtimeMs };
      }),
    );
    all.sort((a, b) => b.time - a.time);
    await Promise.all(all.slice(FILES).map(({ path }) => rm(path, { force: true })));
  }

  /** Undefined for a server that is no part of a file: code makes its transport, or a plugin offers it. */
  #fileOf(config: AnyUpstreamConfig, kind: string): string | undefined {
    if ("transport" in config || "open" in config) return undefined;
    const hash = createHash("sha256").update(JSON.stringify([VERSION, config, kind]));
    return join(this.#folder, `${hash.digest("hex")}.json`);
  }

  #tell(file: string, error: unknown): void {
    this.#log.warn("what servers listed last cannot be kept", { file, reason: briefReason(error) });
  }
}
