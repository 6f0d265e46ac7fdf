import { definePlugin, isObject, isPartOf, plainUri } from "mcp-host";
import { z } from "zod";

/** Tells servers only those of a client's roots that lie below one of these: `{ "below": ["file:///home/ada/work/"] }`. */
export default definePlugin({
  name: "fewer-roots",
  host: "^1.0.0",
  options: z.strictObject({ below: z.array(z.url().endsWith("/")) }),
  apply(host, { below }) {
    const starts = below.map(plainUri);
    /** Compared as a lenient server may read them: percent-decoded, without `..`. */
    const isBelow = (uri: unknown): boolean => typeof uri === "string" && starts.some((start) => isPartOf(`${plainUri(uri)}/`, start));
    host.hooks.answer.tap("fewer-roots", (result, { method }) => {
      if (method !== "roots/list" || !Array.isArray(result.roots)) return result;
      return { ...result, roots: result.roots.filter((root) => isObject(root) && isBelow(root.uri)) };
    });
  },
});
