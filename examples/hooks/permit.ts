import { definePlugin, isObject } from "mcp-host";
import { z } from "zod";

/** Who has none of these roles sees and calls only tools that say that they read: `{ "writers": ["editor"] }`. */
export default definePlugin({
  name: "readers-and-writers",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({ writers: z.array(z.string()).min(1) }),
  apply(host, { writers }) {
    host.hooks.permit.tap("readers-and-writers", ({ kind, definition: { annotations } }, { principal }) => {
      if (kind !== "tool" || principal.roles.some((role) => writers.includes(role))) return undefined;
      return isObject(annotations) && annotations.readOnlyHint === true ? undefined : { rule: "only-reading" };
    });
  },
});
