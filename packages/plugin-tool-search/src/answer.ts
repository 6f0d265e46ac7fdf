import { type Entry, isObject, type Json } from "mcp-host";
import { tokensOf } from "./size.ts";

/** Names of servers that are told. */
const MOST_SERVERS = 40;
/** Characters of a description that is told without its schema. */
const BRIEF = 200;

/** What a model is told of the tools that a search found. */
export function answerOf(found: readonly Entry[], { budget, call, of }: { budget: number; call: string; of: number }): string {
  let left = budget;
  let isWhole = true;
  const lines = found.map((entry, index) => {
    const line = JSON.stringify(wholeOf(entry));
    const cost = tokensOf(line);
    if (index > 0 && cost > left) {
      isWhole = false;
      return JSON.stringify(briefOf(entry));
    }
    left -= cost;
    return line;
  });
  const more = isWhole ? "" : " Those without inputSchema are found whole by their names.";
  return [`${found.length} of ${of} tools, best first. Call one with ${call}.${more}`, ...lines].join("\n");
}

/** What a model is told where nothing was found. */
export function nothingFound(tools: readonly Entry[]): string {
  if (tools.length === 0) return "There are no tools to be found.";
  return `No tool fits. Say what is to be done in other words. ${inventory(tools)}`;
}

/** How many tools there are, and whose. */
export function inventory(tools: readonly Entry[]): string {
  const counts = new Map<string, number>();
  for (const { upstream } of tools) counts.set(upstream, (counts.get(upstream) ?? 0) + 1);
  const told = [...counts].slice(0, MOST_SERVERS).map(([server, count]) => `${server} (${count})`);
  const more = counts.size > MOST_SERVERS ? ` and ${counts.size - MOST_SERVERS} more` : "";
  return `There are ${tools.length} tools, by server: ${told.join(", ")}${more}.`;
}

/** What is needed to call a tool. */
function wholeOf({ name, definition: { description, inputSchema } }: Entry): Json {
  const { $schema: _, ...schema } = isObject(inputSchema) ? inputSchema : {};
  return { name, ...(typeof description === "string" && { description }), inputSchema: schema };
}

function briefOf({ name, definition: { description } }: Entry): Json {
  if (typeof description !== "string") return { name };
  return { name, description: description.length > BRIEF ? `${description.slice(0, BRIEF)}…` : description };
}
