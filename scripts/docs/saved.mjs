// What @host/plugin-compact saves of recorded answers of real servers, in its README.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { countTokens } from "gpt-tokenizer";
import { shorter } from "../../packages/plugin-compact/dist/forms.js";
import { options } from "../../packages/plugin-compact/dist/options.js";
import { tokensOf } from "../../packages/plugin-compact/dist/tokens.js";
import { between, root } from "../pages.mjs";

export const file = "packages/plugin-compact/README.md";

const ANSWERS = join(root, "packages/plugin-compact/test/answers.jsonl");
const { from, saving } = options.parse({});

export function render(page) {
  const answers = readFileSync(ANSWERS, "utf8").trimEnd().split("\n");
  const rows = answers.map((line) => rowOf(JSON.parse(line)));
  const sum = (key) => rows.reduce((total, each) => total + each[key], 0);
  const all = {
    server: `${rows.length} answers`,
    tool: "",
    before: sum("before"),
    after: sum("after"),
    form: "",
    estimate: sum("estimate"),
  };
  const lines = [...rows, all].map(({ server, tool, before, after, form, estimate }) => [
    server.replace("@modelcontextprotocol/", ""),
    tool,
    before,
    after,
    `${Math.round(100 * (1 - after / before))} %`,
    form,
    estimate,
  ]);
  return between(page, "saved", aligned([["server", "tool", "tokens", "after", "saved", "form", "estimate"], ...lines]));
}

/** A table as biome has it in pages outside of docs/. */
function aligned(rows) {
  const widths = rows[0].map((_, at) => Math.max(3, ...rows.map((row) => String(row[at]).length)));
  const [head, ...lines] = rows.map((row) => `| ${row.map((cell, at) => String(cell).padEnd(widths[at])).join(" | ")} |`);
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...lines].join("\n");
}

function rowOf({ server, tool, result }) {
  const texts = result.content.flatMap(({ text }) => (typeof text === "string" ? [text] : []));
  const row = { server, tool, before: 0, after: 0, form: "as-is", estimate: 0 };
  for (const text of texts) {
    const estimate = tokensOf(text);
    const found = estimate < from ? undefined : shorter(text, estimate, saving);
    row.estimate += estimate;
    row.before += countTokens(text);
    row.after += countTokens(found?.text ?? text);
    if (found && row.form !== "table") row.form = found.form;
  }
  return row;
}
