import { type Caller, defineTool, type Entry, type OfferContext, type OfferToolResult, type PluginHost, refuse } from "mcp-host";
import { z } from "zod";
import { answerOf, nothingFound } from "./answer.ts";
import type { Figures } from "./figures.ts";
import type { Found } from "./found.ts";
import type { Options } from "./options.ts";
import type { Ranked, Ranking } from "./ranking.ts";
import { CALL, FIND, type Showing } from "./showing.ts";
import type { Views } from "./views.ts";

/** Words of a query that are read. */
const LONGEST_QUERY = 1_000;
export const MOST_FOUND = 20;

export interface ToolsOptions {
  readonly host: PluginHost;
  readonly given: Options;
  readonly views: Views;
  readonly showing: Showing;
  readonly found: Found;
  readonly figures: Figures;
  readonly rank: (ranking: Ranking, query: string, signal: AbortSignal) => Promise<Ranked[]> | Ranked[];
}

/** Tools that a caller may call, the plugin's own left out. */
export function callable({ host, showing }: Pick<ToolsOptions, "host" | "showing">, caller: Caller): Entry[] {
  return host.catalog.visible(caller).filter((entry) => entry.kind === "tool" && !showing.isOwn(entry));
}

/** The tools that stand in the place of the others. */
export function searchTools(options: ToolsOptions) {
  const { host, given, views, showing, found, figures, rank } = options;
  const ownName = (native: string): string =>
    host.catalog.entries().find((entry) => showing.isOwn(entry) && entry.native === native)?.name ?? native;

  const find = defineTool({
    title: "Find tools",
    description:
      "Finds tools by what they do. Most tools are not listed: search here before you say that something cannot be done. " +
      `Tells name, description and arguments of what fits, to be called with ${CALL}.`,
    annotations: { readOnlyHint: true, openWorldHint: false },
    input: z.object({
      query: z
        .string()
        .min(1)
        .max(LONGEST_QUERY)
        .describe('What is to be done, in a few words, such as "create an issue on GitHub"; or the name of a tool.'),
      limit: z.int().min(1).max(MOST_FOUND).optional().describe(`Most tools to find; default ${given.limit}.`),
    }),
    async call({ query, limit = given.limit }, { exchange, signal }) {
      const { caller } = exchange;
      const tools = callable(options, caller);
      const ranked = await rank(await views.of(tools), query, signal);
      // All of this may have waited, and somebody may have lost a right meanwhile.
      const own = new Map(tools.map((entry) => [entry.name, entry]));
      const best = ranked.flatMap(({ entry: { name } }) => own.get(name) ?? []).filter((entry) => host.permits(entry, caller));
      const entries = best.slice(0, limit);
      figures.searched(entries.length);
      if (entries.length === 0) return nothingFound(tools);
      const names = entries.map(({ name }) => name);
      if (found.add(caller, names)) host.catalog.invalidate(caller);
      return answerOf(entries, { budget: given.answer, call: ownName(CALL), of: tools.length });
    },
  });

  const call = defineTool({
    title: "Call a tool",
    description: `Calls a tool that ${FIND} found, by its name and with the arguments that its inputSchema asks for.`,
    annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: true },
    input: z.object({
      name: z.string().min(1).max(LONGEST_QUERY).describe("The name of the tool, as it was found."),
      arguments: z.record(z.string(), z.unknown()).default({}).describe("The arguments of that tool."),
    }),
    async call({ name, arguments: args }, { exchange, progress }: OfferContext) {
      if (host.catalog.entries().some((entry) => entry.name === name && showing.isOwn(entry)))
        throw refuse("invalid_params", `${name} does not call itself: call the tool ${name} directly`);
      figures.called();
      const result = await exchange.call(
        "tools/call",
        { name, arguments: args },
        { onProgress: (step) => progress(Number(step.progress), numberOf(step.total), textOf(step.message)) },
      );
      return result as OfferToolResult; // what the tool gave, whole
    },
  });

  return { [FIND]: find, [CALL]: call };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
