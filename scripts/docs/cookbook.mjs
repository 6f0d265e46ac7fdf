import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HOOKS } from "../../packages/host/dist/plugin/hooks.js";
import { between, root, table } from "../pages.mjs";

export const file = "examples/plugins/README.md";

const FOLDER = join(root, "examples/plugins");

/** What is in the folder, from the files. */
export function render(current) {
  const rows = readdirSync(FOLDER)
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((name) => {
      const code = readFileSync(join(FOLDER, name), "utf8");
      const test = `test/examples/plugins/${name.replace(/\.ts$/, ".test.ts")}`;
      return [`[${name}](${name})`, purpose(name, code), code.trimEnd().split("\n").length, uses(code), `[test](../../${test})`];
    });
  return between(current, "plugins", aligned(table(["file", "what it is for", "lines", "taps", "its test"], rows)));
}

/** A table as the formatter has it: it formats what is not in docs/. */
function aligned(text) {
  const rows = text.split("\n").map((line) => line.slice(2, -2).split(" | "));
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => row[at].length)));
  const cell = (value, at) => (value === "---" ? "-".repeat(widths[at]) : value.padEnd(widths[at]));
  return rows.map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");
}

/** The first sentence of the comment at the plugin. */
function purpose(name, code) {
  const [, comment] = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport default definePlugin/.exec(code) ?? [];
  const text = comment
    ?.replace(/^ *\* ?/gm, "")
    .replace(/\s+/g, " ")
    .trim();
  const [sentence] = /^.*?(?:[.:](?= |$)|$)/.exec(text ?? "") ?? [];
  if (!sentence) throw new Error(`examples/plugins/${name} does not say what it is for; add a comment before its definePlugin`);
  return sentence.replace(/:$/, ".");
}

/** What it taps and offers, in the order of the way of a request. */
function uses(code) {
  const tapped = Object.keys(HOOKS).filter(
    (hook) => code.includes(`host.hooks.${hook}.`) || new RegExp(`host\\.hooks\\.${hook}\\n`).test(code),
  );
  return [...tapped, ...(code.includes("host.offer(") ? ["host.offer"] : [])].map((name) => `\`${name}\``).join(", ");
}
