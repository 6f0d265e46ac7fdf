import { isObject, type Json, type PluginHost } from "mcp-host";
import type { Link, Signer } from "./chain.ts";
import { Locked } from "./lock.ts";
import type { Options } from "./options.ts";
import { Ships } from "./ships.ts";
import { TrailUse, type UseSettings, writeLate } from "./trails.ts";

export interface JournalOptions {
  readonly host: PluginHost;
  /** Absolute; undefined where there is no file. */
  readonly path: string | undefined;
  readonly options: Options;
  readonly signer: Signer | undefined;
  /** What the first line of a process says of it. */
  readonly started: Readonly<Json>;
}

/** Where an instance of the plugin puts its records, from `ready` on and after `close`. */
export class Journal {
  readonly #options: JournalOptions;
  readonly #records: ReturnType<PluginHost["meter"]["counter"]>;
  readonly #lost: ReturnType<PluginHost["meter"]["counter"]>;
  readonly #refused: ReturnType<PluginHost["meter"]["counter"]>;
  #use: TrailUse | undefined;
  /** The host of a command runs beside one that serves, which writes the log. */
  #held: string | undefined;
  /** Resolves when the log is closed; undefined while it is open. */
  #closing: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    const { meter } = options.host;
    this.#records = meter.counter({ name: "audit.records", description: "Records of the audit log", labels: ["type"] });
    this.#lost = meter.counter({ name: "audit.lost", description: "Records that found no room" });
    this.#refused = meter.counter({ name: "audit.refused", description: "Calls refused, since they could not be recorded" });
    meter.gauge({ name: "audit.buffered", description: "Records that wait to be written", unit: "By" }, () => [
      { labels: [], value: this.#use?.trail.state.buffered ?? 0 },
    ]);
  }

  /** Why no new call may begin; undefined while there is room. */
  get full(): string | undefined {
    return this.#held ?? this.#use?.trail.full ?? this.#use?.ships?.full;
  }

  /** @throws Error that says why the file cannot be written */
  async open(): Promise<void> {
    const { host, path, started } = this.#options;
    try {
      this.#use = await TrailUse.begin(path, { host: host.catalog, id: host.id }, this.#settings());
    } catch (error) {
      if (!(host.isBrief && error instanceof Locked)) throw error;
      this.#held = error.message;
      return;
    }
    if (!this.#use.isFirst) return;
    const { tail } = this.#use.trail;
    const missing = await this.#missing(this.#use.trail.last);
    if (tail?.torn) host.log.warn("the audit log ends with a line that was being written when the host ended", { ...tail.torn });
    if (missing)
      host.log.error("the audit log ends before the last line that the store remembers: its end was removed or changed", { ...missing });
    this.push(
      "started",
      JSON.stringify({
        type: "started",
        at: this.#now(),
        ...started,
        after: tail?.isClosed === undefined ? "nothing" : tail.isClosed ? "stop" : "kill",
        ...(tail?.torn && { torn: tail.torn }),
        ...(missing && { missing }),
      }),
    );
  }

  push(type: string, record: string): void {
    if (this.#held !== undefined) return this.#lost.add();
    if (!this.#use) return;
    if (this.#isClosed) return this.#late(record);
    if (this.#closing) return void this.#closing.then(() => this.#late(record));
    if (this.#use.trail.push(record)) this.#records.add(1, type);
    else this.#lost.add();
  }

  /** Resolves when the record is on the disk. Rejects where it cannot be written. */
  begun(record: string): Promise<void> {
    this.#records.add(1, "begun");
    return this.#use?.trail.pushed(record) ?? Promise.resolve();
  }

  refuse(reason: string): void {
    this.#refused.add();
    this.#use?.trail.refuse(reason);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const use = this.#use;
    if (!use) return;
    const left = await use.end(JSON.stringify({ type: "stopped", at: this.#now(), pid: process.pid }));
    if (left > 0)
      this.#options.host.log.error("records of the audit log could not be written before the end, and are lost", { count: left });
    this.#isClosed = true;
  }

  report(): Json {
    const { path } = this.#options;
    if (!this.#use) return { file: path ?? null, ...(this.#held !== undefined && { trouble: this.#held }) };
    const { trail } = this.#use;
    const { buffered, lost, refused, trouble, bytes, unsigned } = trail.state;
    return {
      file: path ?? null,
      bytes,
      head: `${trail.last.n}:${trail.last.hash}`,
      unsigned,
      buffered,
      lost,
      refused,
      ...(trouble !== undefined && { trouble }),
      ...this.#use.ships?.report(),
    };
  }

  #settings(): UseSettings {
    const { host, options, signer, path } = this.#options;
    const { rotate, fsync, buffer, signing, stderr, webhook, sqlite } = options;
    const isShipped = path !== undefined && (webhook !== undefined || sqlite !== undefined);
    const lost = (count: number): void => this.#lost.add(count);
    return {
      maxSize: rotate.size,
      maxAge: rotate.every,
      keep: rotate.keep,
      fsync,
      buffer,
      signer,
      headEvery: signing?.every ?? 60_000,
      clock: host.clock,
      written: (lines) => {
        if (stderr) process.stderr.write(Buffer.concat(lines));
        this.#use?.ships?.wake();
      },
      ship: isShipped ? (trail) => Ships.start({ host, path, options, lost }, trail) : undefined,
      headed: (last) => this.#remember(last),
      troubled: (reason) => {
        if (reason === undefined) host.log.info("the audit log is written again");
        else host.log.error(reason, { onFull: options.onFull, file: path });
      },
      warn: (message, reason) => host.log.warn(message, { reason }),
    };
  }

  /** The store remembers how far the log had come, for when its end is cut off together with what vouches for it. */
  #remember({ n, hash }: Link): void {
    const { host, path } = this.#options;
    if (path === undefined || host.signal.aborted) return;
    Promise.resolve(host.store("audit").set(`head:${path}`, { n, hash })).catch((error: Error) => {
      host.log.warn("the store does not take the head of the audit log", { reason: error.message });
    });
  }

  async #missing(last: Link): Promise<Link | undefined> {
    const { host, path } = this.#options;
    if (path === undefined) return undefined;
    const found = await host.store("audit").get(`head:${path}`);
    if (!isObject(found) || typeof found.n !== "number" || typeof found.hash !== "string") return undefined;
    const isThere = found.n < last.n || (found.n === last.n && found.hash === last.hash);
    return isThere ? undefined : { n: found.n, hash: found.hash };
  }

  #late(record: string): void {
    const { path, host } = this.#options;
    if (path === undefined) return;
    try {
      writeLate(path, record, host.clock.now());
    } catch (error) {
      host.log.error("what came after the audit log was closed could not be written", { reason: (error as Error).message }); // fs and the lock throw these
    }
  }

  #now(): string {
    return new Date(this.#options.host.clock.now()).toISOString();
  }
}
