import { readFileSync } from "node:fs";
import { definePlugin, type Json } from "mcp-host";
import type { z } from "zod";
import { inventory } from "./answer.ts";
import { Figures, gauges, report, type Watched } from "./figures.ts";
import { Found } from "./found.ts";
import { options } from "./options.ts";
import type { Ranked, Ranking } from "./ranking.ts";
import { Scoring, TOOL_SCORER } from "./scorer.ts";
import { FIND, Showing } from "./showing.ts";
import { Synonyms } from "./synonyms.ts";
import { callable, searchTools } from "./tools.ts";
import { Views } from "./views.ts";

export { type ScoredTool, TOOL_SCORER, type ToolScorer } from "./scorer.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type ToolSearchOptions = z.input<typeof options>;

/** Shows clients a search in the place of a list of tools that would fill the context of their model. */
export const toolSearch = definePlugin({
  name: "tool-search",
  version,
  host: "^1.0.0",
  options,
  apply(host, given) {
    const found = new Found(given.listFound);
    const showing = new Showing(host.id, given, found);
    const views = new Views(new Synonyms(given.synonyms));
    const figures = new Figures(host.meter);
    let scoring: Scoring | undefined;
    const rank = (ranking: Ranking, query: string, signal: AbortSignal): Promise<Ranked[]> | Ranked[] =>
      scoring ? scoring.search(ranking, query, signal) : ranking.search(query);

    const watched: Watched = { figures, views, showing, found, scorer: () => scoring };
    gauges(host.meter, watched);
    host.operator.report(() => report(watched));
    // Nobody is ever shown the search: then nothing is offered that clients would be told of.
    if ([given, ...given.rules].every(({ show }) => show === "list")) return;

    host.offer({ tools: searchTools({ host, given, views, showing, found, figures, rank }) });
    host.hooks.list.tap("tool-search", (entries, caller) => showing.of(entries, caller));
    // A model that does not know what there is does not search for it.
    host.hooks.respond.for("tools/list").tap("tool-search", (result, { caller }) => {
      const own = host.catalog.entries().find((entry) => showing.isOwn(entry) && entry.native === FIND)?.name;
      if (!Array.isArray(result.tools)) return result;
      const tools = result.tools as readonly Readonly<Json>[]; // tools are objects: the host made the list
      if (!tools.some(({ name }) => name === own)) return result;
      const there = inventory(callable({ host, showing }, caller));
      const tell = (tool: Readonly<Json>): Json => (tool.name === own ? { ...tool, description: `${tool.description} ${there}` } : tool);
      return { ...result, tools: tools.map(tell) };
    });
    host.hooks.session.tap("tool-search", ({ session, event }) => {
      if (event === "closed") found.forget(session.id);
    });
    host.hooks.ready.tap("tool-search", () => {
      const scorer = host.find(TOOL_SCORER);
      if (scorer) scoring = new Scoring(scorer, host.log);
    });
  },
});

export default toolSearch;
