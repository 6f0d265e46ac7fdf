import { definePlugin } from "mcp-host";
import { z } from "zod";

/** Gives people roles besides those that they come with: `{ "roles": { "ada": ["admin"] } }`. */
export default definePlugin({
  name: "more-roles",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({ roles: z.record(z.string(), z.array(z.string())) }),
  apply(host, { roles }) {
    const more = new Map(Object.entries(roles));
    host.hooks.principal.tap("more-roles", (principal) => {
      const given = more.get(principal.id);
      return given ? { ...principal, roles: [...new Set([...principal.roles, ...given])] } : principal;
    });
  },
});
