import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigError, definePlugin } from "mcp-host";
import { z } from "zod";

/** Nobody may call the tools that a file names, one a line; without the file the host does not start. */
export default definePlugin({
  name: "deny-file",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({ file: z.string().min(1) }),
  apply(host, { file }) {
    const path = resolve(host.folder, file);
    host.reload.dependsOn(path);
    let denied: ReadonlySet<string> | undefined;
    host.hooks.ready.tap("deny-file", async () => {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        throw new ConfigError([`plugin "deny-file": options.file: ${path} cannot be read (${error.code}); write it, if only empty`]);
      });
      denied = new Set(text.split("\n").map((line) => line.trim()));
      host.catalog.invalidate();
    });
    host.hooks.permit.tap("deny-file", ({ native }) => (denied === undefined || denied.has(native) ? { rule: "deny-file" } : undefined));
  },
});
