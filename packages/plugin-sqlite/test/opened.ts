import { join } from "node:path";
import { type SqliteOptions, sqlite } from "@host/plugin-sqlite";
import { definePlugin, type PluginHost } from "mcp-host";
import { createTestHost, type TestHost } from "mcp-host/testing";

/** A host of this process on a store file. */
export interface Opened extends AsyncDisposable {
  readonly store: PluginHost["store"];
  readonly running: TestHost;
  close(): Promise<void>;
}

/** @param options where the file is, and what else is told of it */
export async function opened(options: SqliteOptions): Promise<Opened> {
  const given: { host: PluginHost | undefined } = { host: undefined };
  const user = definePlugin({
    name: "user",
    host: "^1.0.0",
    apply(host) {
      given.host = host;
      host.hooks.settled.tap("user", () => {});
    },
  });
  const running = await createTestHost({ plugins: [sqlite(options), user()], client: false });
  const close = () => running.close();
  return { store: (given.host as PluginHost).store, running, close, [Symbol.asyncDispose]: close }; // it was applied
}

/** What a host says that does not start with these options. */
export async function refusal(options: SqliteOptions): Promise<string> {
  try {
    await using _started = await opened(options);
    return "it started";
  } catch (error) {
    return String(error);
  }
}

export const fileIn = (folder: { path: string }): string => join(folder.path, "store.sqlite");
