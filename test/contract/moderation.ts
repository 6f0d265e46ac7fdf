import { type Awaitable, definePlugin, defineService, refuse } from "mcp-host";
import { z } from "zod";

/** Says why a text is bad, or nothing. */
export type Judge = (text: string) => Awaitable<string | undefined>;

/** What other plugins get: a hook of their own to judge texts with, and the verdict of all. */
export interface Moderation {
  /** @param until ends it: the `host.signal` of the plugin whose judge it is */
  judge(judge: Judge, until: AbortSignal): void;
  verdict(text: string): Promise<string | undefined>;
}
export const MODERATION = defineService<Moderation>("moderation");

/** Refuses arguments of tools that some judge finds bad. Other plugins bring the judges. */
export default definePlugin({
  name: "moderation",
  version: "1.0.0",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({ max: z.int().positive().default(10_000) }),
  apply(host, { max }) {
    const judges = new Set<Judge>();
    const moderation: Moderation = {
      judge(judge, until) {
        if (until.aborted) return;
        judges.add(judge);
        until.addEventListener("abort", () => judges.delete(judge), { once: true });
      },
      async verdict(text) {
        if (text.length > max) return "too long";
        for (const judge of judges) {
          const reason = await judge(text);
          if (reason !== undefined) return reason;
        }
        return undefined;
      },
    };
    host.provide(MODERATION, moderation);
    host.hooks.transform.for("tools/call").tap("moderation", async (params) => {
      const reason = params.arguments && (await moderation.verdict(JSON.stringify(params.arguments)));
      if (reason !== undefined) throw refuse("forbidden", `the arguments are ${reason}`);
      return params;
    });
  },
});
