import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { definePlugin, STORE } from "mcp-host";
import { z } from "zod";
import { FileStore } from "./file-store.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const options = z.strictObject({
  folder: z.string().min(1).default(".mcp-store").describe("Where the files are, from the config's folder."),
});

/** What a config may say of the plugin. */
export type TemplatePluginOptions = z.input<typeof options>;

/** Keeps what plugins store in files of a folder, one for each store, so that it outlives the host. */
export const templatePlugin = definePlugin({
  name: "template-plugin",
  version,
  host: "^1.0.0",
  options,
  apply(host, { folder }) {
    const opened = new Set<FileStore>();
    host.provide(STORE, (name) => {
      const store = new FileStore(join(resolve(host.folder, folder), `${encodeURIComponent(name)}.json`), host.clock);
      opened.add(store);
      return store;
    });
    host.hooks.close.tap("template-plugin", async () => {
      for (const store of opened) await store.close();
    });
    host.operator.report(() => ({ stores: opened.size }));
  },
});

export default templatePlugin;
