import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError, definePlugin, STORE } from "mcp-host";
import type { z } from "zod";
import { options } from "./options.ts";
import { StoreFile } from "./store-file.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type SqliteOptions = z.input<typeof options>;

/** Keeps the host's stores in an SQLite file, which outlives the host and which several hosts of one machine may share. */
export const sqlite = definePlugin({
  name: "sqlite",
  version,
  host: "^1.0.0",
  options,
  keeps: (given, { folder }) => {
    const path = resolve(folder, given.file);
    const copy = async (to: string): Promise<void> => {
      const { withStore } = await import("./existing.ts");
      withStore(path, (database) => database.prepare("vacuum into ?").run(to));
    };
    return [{ what: "store", path, copy, beside: ["-wal", "-shm"] }];
  },
  apply(host, given) {
    const path = resolve(host.folder, given.file);
    if (!statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory())
      throw new ConfigError([`plugin "sqlite": options.file: there is no folder ${dirname(path)}; make it, or name another file`]);
    const file = new StoreFile({ ...given, file: path, warn: (message, details) => host.log.warn(message, details) });
    host.provide(STORE, (name) => file.store(name));
    host.hooks.ready.tap("sqlite", async () => {
      try {
        await file.open();
      } catch (error) {
        throw new ConfigError([`plugin "sqlite": options.file: ${error instanceof Error ? error.message : String(error)}`]);
      }
    });
    host.hooks.close.tap("sqlite", () => file.close());
    host.operator.report(() => ({ file: path, bytes: sizeOf(path), logBytes: sizeOf(`${path}-wal`), maxSize: given.maxSize }));
  },
  commands: {
    check: () => import("./commands/check.ts"),
    vacuum: () => import("./commands/vacuum.ts"),
  },
});

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

export default sqlite;
