import { definePlugin } from "mcp-host";
import { z } from "zod";
import { MODERATION } from "./moderation.ts";

/** A judge for the moderation: texts with these words are bad. */
export default definePlugin({
  name: "bad-words",
  version: "1.0.0",
  host: "^1.0.0",
  needs: ["moderation"],
  before: ["moderation"],
  security: true,
  options: z.strictObject({ words: z.array(z.string()).default([]) }),
  apply(host, { words }) {
    host.hooks.ready.tap("bad-words", () => {
      host.use(MODERATION).judge((text) => (words.some((word) => text.includes(word)) ? "rude" : undefined), host.signal);
    });
  },
});
