import { definePlugin, matcher } from "mcp-host";
import { z } from "zod";

/** Shows at most so many tools to everybody, the favourites first: `{ "most": 40, "first": ["search*"] }`. */
export default definePlugin({
  name: "short-list",
  host: "^1.0.0",
  options: z.strictObject({ most: z.int().positive(), first: z.array(z.string()).default([]) }),
  apply(host, { most, first }) {
    const isFavourite = matcher(first);
    host.hooks.list.tap("short-list", (entries) => {
      if (entries[0]?.kind !== "tool" || entries.length <= most) return entries;
      const favourites = entries.filter((entry) => isFavourite(entry));
      const others = entries.filter((entry) => !favourites.includes(entry));
      return [...favourites, ...others].slice(0, most); // the rest can still be called
    });
  },
});
