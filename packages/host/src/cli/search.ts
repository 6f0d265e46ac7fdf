import { defineCommand } from "citty";
import { jsonArgs } from "../operator/host-choice.ts";
import { UsageError } from "../operator/usage-error.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { registryArgs } from "./registry/registry-options.ts";

/** Servers that are shown where nobody says how many. */
const USUAL = 20;
const MOST = 1_000;

export default defineCommand({
  meta: { name: "search", description: "Search the MCP registry for servers" },
  args: {
    words: {
      type: "positional",
      required: true,
      valueHint: "word...",
      description: "What the name holds; of several words the longest, and the others may stand in the description",
    },
    limit: { type: "string", valueHint: "number", description: `How many are shown at most, up to ${MOST}. Default: ${USUAL}` },
    ...registryArgs,
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const limit = limitOf(args.limit);
    const { chosenRegistry } = await import("./registry/registry-options.ts");
    const { RegistryClient } = await import("./registry/registry-client.ts");
    const { searchRegistry } = await import("./registry/search-registry.ts");
    const { showFound } = await import("./registry/found-table.ts");
    const words = args._;
    const client = new RegistryClient(await chosenRegistry(args));
    showFound(await searchRegistry(client, words, limit), {
      words: words.join(" "),
      limit,
      registry: client.base,
      json: args.json === true,
    });
    return EXIT.ok.code;
  },
});

function limitOf(text: string | undefined): number {
  if (text === undefined) return USUAL;
  const limit = Number(text);
  if (!/^\d{1,4}$/.test(text) || limit < 1 || limit > MOST) throw new UsageError(`--limit: "${text}" is no number from 1 to ${MOST}`);
  return limit;
}
