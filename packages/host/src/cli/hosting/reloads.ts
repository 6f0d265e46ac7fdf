import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { ConfigError } from "../../errors.ts";
import type { Changes, ReloadReport } from "../../host/reload.ts";
import type { Logger } from "../../log.ts";
import type { OperatorDesk } from "../../operator/operator-desk.ts";
import type { HostStatus } from "../../plugin/host-status.ts";
import { isInstalled, withLocalImports } from "../../plugin/local-imports.ts";
import type { Opened } from "./open-host.ts";
import { waysTo } from "./ways-to.ts";

/** Milliseconds without a change until a file is read: editors write it in several steps. */
const DEBOUNCE = 100;

interface WatchedFolder {
  readonly watcher: FSWatcher;
  /** Which folder had the path then. */
  readonly ino: number;
}

/** Who is told what became of each reload. */
export interface ReloadTold {
  done(report: ReloadReport): void;
  /** The host goes on with what it had. */
  refused(problems: readonly string[]): void;
}

/** Reloads a running host from its config file: on a signal, on a command, and when its files change. */
export class Reloads {
  readonly #opened: Opened;
  readonly #desk: OperatorDesk;
  readonly #log: Logger;
  readonly #told: ReloadTold;
  readonly #watchers = new Map<string, WatchedFolder>();
  /** The files, and the links on the way to them. */
  #ways: ReadonlySet<string> = new Set();
  /** The one under way, and the one that comes after it. */
  #now: Promise<unknown> | undefined;
  #next: Promise<ReloadReport> | undefined;
  /** What each file was like when it was looked at last. */
  #seen: ReadonlyMap<string, string> = new Map();
  #timer: NodeJS.Timeout | undefined;

  /** @param told default: the log */
  constructor(opened: Opened, desk: OperatorDesk, told: ReloadTold = tellingLog(opened)) {
    this.#opened = opened;
    this.#desk = desk;
    this.#log = opened.host.log;
    this.#told = told;
  }

  /**
   * Reads the config again. Rejects, and changes nothing, where it cannot be used; it is told what came of it either way.
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
      this.#told.done(report);
      return report;
    } catch (error) {
      const problems = problemsOf(error);
      this.#told.refused(problems);
      throw error instanceof ConfigError ? new Error(refusal(this.#opened.loaded.path, problems)) : error;
    } finally {
      if (this.#watchers.size > 0) this.watch(); // there may be other files now
    }
  }

  /** Reloads whenever a file changes that the config is made of, or a plugin that is a file, or what that imports. Gives what ends it. */
  watch(): () => void {
    const files = this.#files();
    this.#ways = new Set(files.flatMap(waysTo));
    this.#follow();
    // Those looked at before keep what they were like then: they may have changed while the config was read.
    this.#seen = new Map(files.map((file) => [file, this.#seen.get(file) ?? stampOf(file)]));
    return () => this.#stop();
  }

  /** Watches the folders of all ways as they are now. Folders, since a file that is replaced is another file; and so is a folder. */
  #follow(): void {
    const folders = new Map([...this.#ways].map((way) => folderOf(way)));
    for (const [folder, { watcher, ino }] of this.#watchers)
      if (folders.get(folder) !== ino) {
        watcher.close();
        this.#watchers.delete(folder);
      }
    for (const [folder, ino] of folders) if (!this.#watchers.has(folder)) this.#watchers.set(folder, { watcher: this.#watch(folder), ino });
  }

  #stop(): void {
    clearTimeout(this.#timer);
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(folder: string): FSWatcher {
    const watcher = watch(folder, (_, name) => {
      // Another name counts too, but puts nothing off: a folder that was moved tells its own.
      const isOurs = name === null || this.#ways.has(join(folder, name));
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
    if ([...now].every(([file, stamp]) => stamp === this.#seen.get(file))) return this.#follow(); // a folder may have come, or be another
    this.#seen = now;
    this.#desk.runFor("watch", "reload").catch(() => {}); // the log has it
  }

  /** What the config is made of, and the plugins that are files beside it, with the files that these import. */
  #files(): string[] {
    const { host, files } = this.#opened;
    const sources = host.pipeline().plugins.map(({ source }) => source);
    return [...files, ...sources.filter((source) => isAbsolute(source) && !isInstalled(source)).flatMap(withLocalImports)];
  }
}

function tellingLog({ host: { log }, loaded }: Opened): ReloadTold {
  return {
    done({ upstreams, plugins }) {
      log.info("the config was read again", { upstreams: describeChanges(upstreams), plugins: describeChanges(plugins) });
    },
    refused(problems) {
      const config = loaded.path;
      log.error("the host goes on with the config that it has, since the new one cannot be used", { config, problems });
    },
  };
}

/** The folder of a path and which one it is: of one that may come, as that of the credentials, the nearest above it that is there. */
function folderOf(path: string): [folder: string, ino: number] {
  const folder = dirname(path);
  const stat = statSync(folder, { throwIfNoEntry: false });
  return stat ? [folder, stat.ino] : folderOf(folder);
}

/** A text that changes when this file does. */
function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return `${stat?.mtimeMs} ${stat?.size} ${stat?.ino}`;
}

/** What is wrong, a line each: with a config, or with what starts with it. */
export function problemsOf(error: unknown): readonly string[] {
  return error instanceof ConfigError ? error.problems : [error instanceof Error ? error.message : String(error)];
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
