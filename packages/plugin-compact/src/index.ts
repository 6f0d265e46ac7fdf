import { readFileSync } from "node:fs";
import { definePlugin } from "mcp-host";
import { z } from "zod";
import { Answers, TOOL } from "./answers.ts";
import { Kept } from "./kept.ts";
import { options } from "./options.ts";
import { clientName, Plans } from "./plans.ts";
import { Tally } from "./tally.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type CompactOptions = z.input<typeof options>;

/** Makes long answers of tools short: JSON as tables, and parts that are read on. */
export const compact = definePlugin({
  name: "compact",
  version,
  host: "^1.0.0",
  options,
  // What others take out of JSON they must see as JSON.
  enforce: "post",
  apply(host, given) {
    const { hooks } = host;
    const plans = new Plans(given);
    const tally = new Tally(host.log, host.meter);
    const kept = new Kept({ ...given.rest, now: host.clock.monotonic, bytes: host.random.bytes });
    const answers = new Answers({ host, options: given, plans, tally, kept: () => kept.texts });
    const store = host.store("compact");

    hooks.respond.for("tools/call").tap("compact", (result, exchange) => answers.shortened(result, exchange));
    if (plans.anyPages) {
      host.offer({
        tools: {
          [TOOL]: {
            description: "Gives the next part of an answer that was cut, by what its last line says.",
            annotations: { readOnlyHint: true, openWorldHint: false },
            input: z.strictObject({ from: z.string().max(128) }),
            call: ({ from }, { exchange }) => answers.more(from, exchange) as { content: [] }, // content of texts
          },
        },
      });
      hooks.list.tap("compact", (entries, { client }) =>
        plans.pages(clientName(client.info)) ? entries : entries.filter(({ upstream, native }) => upstream !== host.id || native !== TOOL),
      );
    }
    hooks.ready.tap("compact", () => kept.join(store));
    hooks.close.tap("compact", () => kept.release());
    host.meter.gauge({ name: "compact.rest.size", description: "What is kept of answers that were cut.", unit: "By" }, () => [
      { labels: [], value: kept.texts.bytes },
    ]);
    host.operator.report(() => ({ ...tally.report(), kept: { rests: kept.texts.count, bytes: kept.texts.bytes } }));
  },
});

export default compact;
