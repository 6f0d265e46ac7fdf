import { resolve } from "node:path";
import type { Json, PluginHost } from "mcp-host";
import { Follower } from "./follower.ts";
import type { Options } from "./options.ts";
import { type Receiver, Shipping } from "./shipping.ts";
import type { Trail } from "./trail.ts";

export interface ShipsOptions {
  readonly host: PluginHost;
  /** Of the log, absolute. */
  readonly path: string;
  readonly options: Options;
  /** Told of lines that a receiver never gets. */
  readonly lost: (count: number) => void;
}

/** Lines of the SQLite file's transaction. */
const TRANSACTION = 1_000;

/** All that a log is brought to besides its file. */
export class Ships {
  readonly #ships: Readonly<Record<string, Shipping>>;

  private constructor(ships: Readonly<Record<string, Shipping>>) {
    this.#ships = ships;
  }

  /** @throws Error where a receiver cannot be used at all */
  static async start({ host, path, options, lost }: ShipsOptions, trail: Trail): Promise<Ships> {
    const { webhook, sqlite, onFull } = options;
    const ships: Record<string, Shipping> = {};
    const ship = (name: string, receiver: Receiver, next: number, batch: number, maxBehind: number): void => {
      ships[name] = new Shipping({
        follower: new Follower(path, next),
        receiver,
        batch,
        maxBehind,
        drops: onFull === "drop",
        last: () => trail.last.n,
        troubled: (reason) => {
          if (reason === undefined) host.log.info("a receiver of the audit log takes its lines again", { receiver: name });
          else
            host.log.warn("a receiver of the audit log does not take its lines; they wait in the log's files", { receiver: name, reason });
        },
        lost: (count) => {
          host.log.error("a receiver of the audit log was too far behind, and never gets some lines", { receiver: name, count });
          lost(count);
        },
      });
    };
    // Loaded here, so that a config that names the plugin costs nothing until its host starts.
    if (sqlite !== undefined) {
      const { SqliteReceiver } = await import("./sqlite.ts");
      const receiver = new SqliteReceiver(resolve(host.folder, sqlite));
      const last = await receiver.opened;
      // A file of lines that the log does not have any more is filled anew.
      ship("sqlite", receiver, (last > trail.last.n ? 0 : last) + 1, TRANSACTION, Number.POSITIVE_INFINITY);
    }
    if (webhook) {
      const { sentUpTo, Webhook } = await import("./webhook.ts");
      const sent = sentUpTo(path);
      // A receiver that is new gets what comes from now on.
      const next = sent > 0 && sent <= trail.last.n ? sent + 1 : trail.last.n + 1;
      ship("webhook", new Webhook(webhook, path), next, webhook.batch, webhook.maxBehind);
    }
    const started = new Ships(ships);
    started.wake();
    return started;
  }

  /** Why no new call may begin; undefined while there is room. */
  get full(): string | undefined {
    for (const name in this.#ships) {
      const full = this.#ships[name]?.full;
      if (full !== undefined) return full;
    }
    return undefined;
  }

  wake(): void {
    for (const ship of Object.values(this.#ships)) ship.wake();
  }

  report(): Json {
    return Object.fromEntries(
      Object.entries(this.#ships).map(([name, { behind, trouble }]) => [name, { behind, ...(trouble !== undefined && { trouble }) }]),
    );
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#ships).map((ship) => ship.close()));
  }
}
