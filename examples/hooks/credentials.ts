import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { definePlugin, registerSecret } from "mcp-host";
import { z } from "zod";

/** A token from a file that something else writes anew, as Kubernetes does: `{ "files": { "search": "/var/run/secrets/token" } }`. */
export default definePlugin({
  name: "token-file",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({ files: z.record(z.string(), z.string()), seconds: z.int().positive().default(300) }),
  apply(host, { files, seconds }) {
    const names = new Map(Object.entries(files));
    host.reload.expectUpstreams(...[...names.keys()].map((key) => ({ place: `options.files.${key}`, key })));
    host.hooks.credentials.tap("token-file", async (credentials, { upstream }) => {
      const file = names.get(upstream.key);
      if (file === undefined) return credentials;
      const token = (await readFile(resolve(host.folder, file), "utf8")).trim();
      registerSecret(token); // no log shows it
      const headers = { ...credentials.headers, authorization: `Bearer ${token}` };
      return { ...credentials, headers, expires: host.clock.now() + seconds * 1_000 };
    });
  },
});
