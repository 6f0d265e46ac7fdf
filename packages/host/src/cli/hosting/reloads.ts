import { existsSync, type FSWatcher, statSync, watch } from "node:fs";
import { basename, dirname, isAbsolute, sep } from "node:path";
import { ConfigError } from "../../errors.ts";
import type { Changes, ReloadReport } from "../../host/reload.ts";
import type { Logger } from "../../log.ts";
import type { OperatorDesk } from "../../operator/operator-desk.ts";
import type { HostStatus } from "../../plugin/host-status.ts";
import type { Opened } from "./open-host.ts";

/** Milliseconds without a change until a file is read: editors write it in several steps. */
const DEBOUNCE = 100;

/** Reloads a running host from its config file: on a signal, on a command, and when its files change. */
export class Reloads {
  readonly #opened: Opened;
  readonly #desk: OperatorDesk;
  readonly #log: Logger;
  readonly #watchers = new Map<string, FSWatcher>();
  /** The one under way, and the one that comes after it. */
  #now: Promise<unknown> | undefined;
  #next: Promise<ReloadReport> | undefined;
  /** What each file was like when it was looked at last. */
  #seen: ReadonlyMap<string, string> = new Map();
  #timer: NodeJS.Timeout | undefined;

  constructor(opened: Opened, desk: OperatorDesk) {
    this.#opened = opened;
    this.#desk = desk;
    this.#log = opened.host.log;
  }

  /**
   * Reads the config again. Rejects, and changes nothing, where it cannot be used; the log says what came of it either way.
   * Whoever asks while one is under way gets the next, however many they are: it reads what is written then.
   */
  reload(): Promise<ReloadReport> {
    if (this.#next) return this.#next;
    if (this.#now) {
      this.#next = this.#now.then(() => {
        this.#next = undefined;
        return this.reload();
      });
      return this.#next;
    }
    const reloading = this.#reload();
    const over = (): void => {
      this.#now = undefined;
    };
    this.#now = reloading.then(over, over);
    return reloading;
  }

  async #reload(): Promise<ReloadReport> {
    try {
      const report = await this.#opened.reload();
      this.#log.info("the config was read again", {
        upstreams: describeChanges(report.upstreams),
        plugins: describeChanges(report.plugins),
      });
      return report;
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [error instanceof Error ? error.message : String(error)];
      this.#log.error("the host goes on with the config that it has, since the new one cannot be used", {
        config: this.#opened.loaded.path,
        problems,
      });
      throw error instanceof ConfigError ? new Error(refusal(this.#opened.loaded.path, problems)) : error;
    } finally {
      if (this.#watchers.size > 0) this.watch(); // there may be other files now
    }
  }

  /** Reloads whenever a file changes that the config is made of, or a plugin that is a file of its own. Gives what ends it. */
  watch(): () => void {
    const files = this.#files();
    // One that may come, as the credentials file, may have no folder yet.
    const folders = new Set(files.map(dirname).filter((folder) => existsSync(folder)));
    for (const [folder, watcher] of this.#watchers)
      if (!folders.has(folder)) {
        watcher.close();
        this.#watchers.delete(folder);
      }
    // Folders, since a file that is replaced is another file.
    for (const folder of folders) if (!this.#watchers.has(folder)) this.#watchers.set(folder, this.#watch(folder));
    // Those looked at before keep what they were like then: they may have changed while the config was read.
    this.#seen = new Map(files.map((file) => [file, this.#seen.get(file) ?? stampOf(file)]));
    return () => this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(folder: string): FSWatcher {
    const watcher = watch(folder, (_, name) => {
      // Another name counts too: where a mounted volume is renewed, a link beside the file is what changes.
      const isOurs = name === null || this.#files().some((file) => dirname(file) === folder && basename(file) === name);
      if (this.#timer && !isOurs) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#look(), DEBOUNCE).unref();
    });
    watcher.on("error", (error) => this.#log.warn("a folder cannot be watched any more", { folder, reason: error.message }));
    return watcher.unref();
  }

  #look(): void {
    this.#timer = undefined;
    const now = new Map([...this.#seen.keys()].map((file) => [file, stampOf(file)]));
    if ([...now].every(([file, stamp]) => stamp === this.#seen.get(file))) return;
    this.#seen = now;
    this.#desk.runFor("watch", "reload").catch(() => {}); // the log has it
  }

  /** What the config is made of, and the plugins that are files beside it. */
  #files(): string[] {
    const { host, files } = this.#opened;
    const sources = host.pipeline().plugins.map(({ source }) => source);
    return [...files, ...sources.filter((source) => isAbsolute(source) && !source.includes(`${sep}node_modules${sep}`))];
  }
}

/** A text that changes when this file does. */
function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return `${stat?.mtimeMs} ${stat?.size} ${stat?.ino}`;
}

/** What whoever asked for the reload is told. */
function refusal(path: string, problems: readonly string[]): string {
  return `${path} cannot be used:${problems.length === 1 ? ` ${problems[0]}` : problems.map((problem) => `\n  ${problem}`).join("")}`;
}

/** Of the servers that a reload made anew, a line for each that is not there yet. */
export function notThereYet({ added, changed, renewed = [] }: Changes, upstreams: HostStatus["upstreams"] = []): string[] {
  const fresh = [...added, ...changed, ...renewed];
  return upstreams
    .filter(({ name, state }) => fresh.includes(name) && !["ready", "degraded", "idle"].includes(state))
    .map(({ name, state, reason }) => `server "${name}" is not there yet: ${reason ?? state}`);
}

/** What changed, in words; the kinds of change that did not happen are left out. */
export function describeChanges({ kept, ...changes }: Changes): string {
  const parts = Object.entries(changes).flatMap(([what, keys]: [string, readonly string[]]) =>
    keys.length > 0 ? [`${what} ${keys.join(", ")}`] : [],
  );
  return [...parts, `${kept.length} as before`].join("; ");
}
