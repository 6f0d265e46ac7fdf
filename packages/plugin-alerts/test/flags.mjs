import { existsSync } from "node:fs";
import { join } from "node:path";
import { ALERTS } from "@host/plugin-alerts";
import { definePlugin } from "mcp-host";
import { z } from "zod";

/** A kind of alerts for tests: something is wrong for every one of these files that is there. */
export default definePlugin({
  name: "flags",
  host: "^1.0.0",
  apply(host) {
    let gone = () => {};
    host.hooks.ready.tap("flags", () => {
      const forget = host.use(ALERTS).kind("flag", {
        description: "Files that must not be there.",
        options: z.strictObject({ files: z.array(z.string()).min(1) }),
        watch: ({ files }) => ({
          read: () => ({
            conditions: files.map((file) => ({
              subject: file,
              is: existsSync(join(host.folder, file)) ? "bad" : "good",
              summary: `the file ${file} is there`,
              labels: { file },
            })),
          }),
        }),
      });
      gone = forget;
    });
    host.hooks.close.tap("flags", () => gone());
  },
});
