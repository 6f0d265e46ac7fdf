import { definePlugin, type Entry, matcher, uriMatcher } from "mcp-host";
import { z } from "zod";

/** Each profile is an endpoint, `/mcp/p/<name>`, that has what its globs choose and nothing else. */
export default definePlugin({
  name: "profiles",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({
    /** `hidden: true` leaves the rest out of lists only: it can be called, as by a tool search. */
    profiles: z.record(z.string(), z.strictObject({ use: z.array(z.string()), hidden: z.boolean().default(false) })),
  }),
  security: true,
  apply(host, { profiles }) {
    const all = new Map(
      Object.entries(profiles).map(([name, { use, hidden }]) => {
        host.endpoint(name);
        const [isNamed, uris] = [matcher(use), uriMatcher(use)];
        const has = (entry: Entry) => (entry.kind === "resource" || entry.kind === "template" ? uris.all(entry) : isNamed(entry));
        return [name, { has, hidden }];
      }),
    );
    host.hooks.permit.tap("profiles", (entry, { endpoint }) => {
      const profile = endpoint === undefined ? undefined : all.get(endpoint);
      return profile && !profile.hidden && !profile.has(entry) ? false : undefined;
    });
    host.hooks.list.tap("profiles", (entries, { endpoint }) => {
      const profile = endpoint === undefined ? undefined : all.get(endpoint);
      return profile ? entries.filter(profile.has) : entries;
    });
  },
});
