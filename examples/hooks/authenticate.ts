import { createHash, timingSafeEqual } from "node:crypto";
import { definePlugin } from "mcp-host";
import { z } from "zod";

const hash = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Knows people by a token each: `{ "tokens": { "ada": "${ADA_TOKEN}" } }`. Others get 401, unless another plugin knows them. */
export default definePlugin({
  name: "known-tokens",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({ tokens: z.record(z.string().min(1), z.string().min(16)) }),
  apply(host, { tokens }) {
    const known = Object.entries(tokens).map(([id, token]) => ({ id, hash: hash(token) }));
    host.hooks.authenticate.tap("known-tokens", ({ headers: { authorization } }) => {
      const [, token] = /^Bearer (.+)$/i.exec(String(authorization)) ?? [];
      if (token === undefined) return undefined;
      const given = hash(token);
      const found = known.find((each) => timingSafeEqual(each.hash, given)); // how long it takes tells nothing
      return found && { id: found.id, roles: [] };
    });
  },
});
