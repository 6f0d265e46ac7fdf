import { definePlugin, refuse, registerSecret } from "mcp-host";
import { z } from "zod";

const server = z.strictObject({
  header: z
    .string()
    .regex(/^[\w-]{1,64}$/)
    .default("x-user"),
  /** By principal; without them the header holds the principal's id. */
  keys: z.record(z.string().min(1), z.string().min(1)).optional(),
  /** Put before the value, such as `Bearer `. */
  prefix: z.string().default(""),
});

/**
 * Tells HTTP servers who is asking, or calls them with each person's own key:
 * `{ "servers": { "wiki": {}, "crm": { "header": "authorization", "prefix": "Bearer ", "keys": { "ada": "${ADA_KEY}" } } } }`.
 *
 * The header belongs to a connection, so each of these servers gets connections by person (`isolation: "principal"`), and nobody's calls go
 * over another's. Who has no key, or is nobody in particular, is refused before anything is sent.
 */
export default definePlugin({
  name: "user-header",
  version: "1.0.0",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({ servers: z.record(z.string(), server) }),
  apply(host, { servers }) {
    const all = new Map(Object.entries(servers));
    host.reload.expectUpstreams(...[...all.keys()].map((key) => ({ place: `options.servers.${key}`, key })));
    for (const { key } of host.upstreams) if (all.has(key)) host.isolate(key, "principal");
    for (const { keys = {} } of all.values()) for (const key of Object.values(keys)) registerSecret(key); // no log shows them

    host.hooks.credentials.tap("user-header", (credentials, { upstream, principal }) => {
      const meant = all.get(upstream.key);
      if (!meant) return credentials;
      if (principal === undefined || principal.id === "anonymous")
        throw refuse("forbidden", `"${upstream.key}" wants to know who asks; come as somebody`);
      const { header, keys, prefix } = meant;
      const value = keys ? new Map(Object.entries(keys)).get(principal.id) : principal.id;
      if (value === undefined) throw refuse("forbidden", `you have no key for "${upstream.key}"; ask your operator for one`);
      return { ...credentials, headers: { ...credentials.headers, [header]: `${prefix}${value}` } };
    });
  },
});
