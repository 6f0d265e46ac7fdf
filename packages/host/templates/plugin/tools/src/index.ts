import { readFileSync } from "node:fs";
import { definePlugin } from "mcp-host";
import { z } from "zod";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const timeZone = z.string().refine(isTimeZone, "must be a time zone, such as Europe/Oslo");

const options = z.strictObject({
  timeZone: timeZone.default("UTC").describe("The time zone where a call names none."),
});

/** What a config may say of the plugin. */
export type TemplatePluginOptions = z.input<typeof options>;

/** Offers a tool that tells the time, without a server. */
export const templatePlugin = definePlugin({
  name: "template-plugin",
  version,
  host: "^1.0.0",
  options,
  apply(host, { timeZone: usual }) {
    host.offer({
      tools: {
        current_time: {
          description: "The date and the time now, in a time zone.",
          input: z.object({ timeZone: timeZone.default(usual).describe("As the IANA names it, such as Europe/Oslo") }),
          output: z.object({ timeZone: z.string(), text: z.string(), epochMs: z.number() }),
          annotations: { readOnlyHint: true },
          call({ timeZone }) {
            const epochMs = host.clock.now();
            const text = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long", timeZone }).format(epochMs);
            return { structuredContent: { timeZone, text, epochMs } };
          },
        },
      },
    });
  },
});

export default templatePlugin;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: name });
    return true;
  } catch {
    return false; // a RangeError
  }
}
