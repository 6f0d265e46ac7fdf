import { definePlugin } from "mcp-host";

/** Where two servers have a tool or a prompt of one name, both stay: each with its server's name before it. */
export default definePlugin({
  name: "both-stay",
  host: "^1.0.0",
  apply(host) {
    host.hooks.merge.tap("both-stay", (entries) => {
      const owners = new Map<string, Set<string>>();
      const keyOf = ({ kind, name }: { kind: string; name: string }): string => `${kind} ${name}`;
      for (const entry of entries) owners.set(keyOf(entry), (owners.get(keyOf(entry)) ?? new Set()).add(entry.upstream));
      return entries.map((entry) => {
        const isShared = (owners.get(keyOf(entry))?.size ?? 0) > 1 && (entry.kind === "tool" || entry.kind === "prompt");
        return isShared ? { ...entry, name: `${entry.upstream}_${entry.name}` } : entry;
      });
    });
  },
});
