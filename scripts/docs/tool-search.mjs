import { readFileSync } from "node:fs";
import { join } from "node:path";
import { between, root } from "../pages.mjs";

export const file = "packages/plugin-tool-search/README.md";

const number = (value) => value.toLocaleString("en-US");
const less = (before, after) => `${((1 - after / before) * 100).toFixed(1)} %`;

/** A table as biome writes it, which looks after pages outside of docs/. */
function table(head, rows) {
  const cells = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  return [line(cells[0]), line(widths.map((width) => "-".repeat(width))), ...cells.slice(1).map(line)].join("\n");
}

/** The figures of the last `npm run search`. */
export function render(current) {
  const { servers, tools, tokens, some, tasks, others } = JSON.parse(readFileSync(join(root, "test/search/results.json"), "utf8"));
  const costs = table(
    ["tools", "tokens of the list", "of the two tools in its place", "less"],
    [
      [some.tools, number(some.list), `at most ${number(tokens.search)}`, less(some.list, tokens.search)],
      [tools, number(tokens.list), number(tokens.search), less(tokens.list, tokens.search)],
    ],
  );
  const ranks = table(
    ["tasks in plain language", "the right tool came first", "among the first five"],
    [
      [`${tasks.tasks} that the words were chosen with`, tasks.first, tasks.amongFive],
      [`${others.tasks} that nobody looked at before`, others.first, others.amongFive],
    ],
  );
  const text = `${Object.keys(servers).length} servers from npm, with ${tools} tools:

${costs}

An answer of a search has ${number(tokens.answer)} tokens on average, so the search costs less than the list until a model has searched about
${Math.floor((tokens.list - tokens.search) / tokens.answer)} times.

${ranks}`;
  return between(current, "figures", text);
}
