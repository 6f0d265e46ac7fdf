import type { PluginHost } from "mcp-host";
import { nextLine } from "./chain.ts";
import { LogFile } from "./log-file.ts";
import type { Ships } from "./ships.ts";
import { Trail, type TrailSettings } from "./trail.ts";

/** Who writes a log: one plugin of one host, through all reloads. */
export interface Writer {
  /** The same object for all that a host's reloads apply. */
  readonly host: PluginHost["catalog"];
  readonly id: string;
}

/** What one instance wants of a log. */
export interface UseSettings extends TrailSettings {
  /** Begins to bring its lines to where they go besides; undefined where they go nowhere else. */
  readonly ship: ((trail: Trail) => Promise<Ships>) | undefined;
}

interface Open {
  readonly trail: Trail;
  readonly writer: Writer;
  /** Of each instance that uses it, the last of which decides. */
  readonly uses: UseSettings[];
  ships: Ships | undefined;
  closing: Promise<number> | undefined;
}

/** The logs of this process, shared by copies of the package that a reload may bring. */
const KEY = Symbol.for("mcp-host.audit.trails.1");
const trails: Map<string, Open> = ((globalThis as { [KEY]?: Map<string, Open> })[KEY] ??= new Map()); // nothing else is kept there

/** One instance's part in a log. While a reload drains the instance before it, both write the same one. */
export class TrailUse {
  readonly trail: Trail;
  /** Whether this instance opened it. */
  readonly isFirst: boolean;
  readonly #path: string | undefined;
  readonly #open: Open;
  readonly #settings: UseSettings;

  private constructor(path: string | undefined, open: Open, settings: UseSettings, isFirst: boolean) {
    this.trail = open.trail;
    this.#path = path;
    this.#open = open;
    this.#settings = settings;
    this.isFirst = isFirst;
  }

  /** @param path absolute, or undefined for a log without a file @throws Error that says why it cannot be written */
  static async begin(path: string | undefined, writer: Writer, settings: UseSettings): Promise<TrailUse> {
    if (path !== undefined) await trails.get(path)?.closing;
    const there = path === undefined ? undefined : trails.get(path);
    if (there && (there.writer.host !== writer.host || there.writer.id !== writer.id))
      throw new Error(
        `${path} is being written by ${there.writer.host === writer.host ? `plugin "${there.writer.id}"` : "another host"} of this process; name another file`,
      );
    const open: Open = there ?? { trail: new Trail(path, settings), writer, uses: [], ships: undefined, closing: undefined };
    if (path !== undefined) trails.set(path, open);
    const use = new TrailUse(path, open, settings, there === undefined);
    open.uses.push(settings);
    try {
      await use.#obey();
    } catch (error) {
      await use.end(undefined);
      throw error;
    }
    return use;
  }

  /** What the lines go to besides. */
  get ships(): Ships | undefined {
    return this.#open.ships;
  }

  /** Ends this instance's part. @param lastRecord written where it was the last @returns how many records could not be written */
  async end(lastRecord: string | undefined): Promise<number> {
    const { uses, trail } = this.#open;
    const index = uses.indexOf(this.#settings);
    if (index === -1) return 0;
    const decided = index === uses.length - 1;
    uses.splice(index, 1);
    if (uses.length > 0) {
      if (decided) await this.#obey();
      return 0;
    }
    this.#open.closing = trail.close(lastRecord).finally(async () => {
      await this.#open.ships?.close();
      if (this.#path !== undefined && trails.get(this.#path) === this.#open) trails.delete(this.#path);
    });
    return this.#open.closing;
  }

  /** The last instance decides how the log goes on, and where its lines go. */
  async #obey(): Promise<void> {
    const settings = this.#open.uses.at(-1);
    if (!settings) return;
    this.#open.trail.settings = settings;
    await this.#open.ships?.close();
    this.#open.ships = undefined;
    this.#open.ships = await settings.ship?.(this.#open.trail);
  }
}

/**
 * Writes a record of what came after the log was closed: that the host was stopped is told when it has. At once, since nobody waits any
 * more. @throws Error where the file cannot be written
 */
export function writeLate(path: string, record: string, now: number): void {
  const open = trails.get(path);
  if (open) return void open.trail.push(record); // a reload has it go on
  const file = new LogFile(path, now);
  try {
    const { last, isOpen, isClosed } = file.tail;
    const line = nextLine(last, isClosed ? `${record.slice(0, -1)},"end":true}` : record);
    file.writeNow(Buffer.from(`${isOpen ? "\n" : ""}${line}\n`));
    file.syncNow();
  } finally {
    file.close();
  }
}
