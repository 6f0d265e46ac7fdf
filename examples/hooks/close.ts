import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { BoundedMap, definePlugin } from "mcp-host";
import { z } from "zod";

/** Writes how often each tool was called into a file when the host stops, or a reload takes the plugin out. */
export default definePlugin({
  name: "summary",
  host: "^1.0.0",
  options: z.strictObject({ file: z.string().min(1) }),
  apply(host, { file }) {
    const path = resolve(host.folder, file);
    const calls = new BoundedMap<string, number>(10_000);
    host.hooks.settled.tap("summary", ({ method, called }) => {
      if (method !== "tools/call" || !called) return;
      const name = `${called.upstream}:${called.native}`;
      calls.set(name, (calls.get(name) ?? 0) + 1);
    });
    host.hooks.close.tap("summary", () => writeFile(path, `${JSON.stringify(Object.fromEntries(calls), undefined, 2)}\n`, { mode: 0o600 }));
  },
});
