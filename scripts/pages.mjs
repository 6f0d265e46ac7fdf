// The generated parts of docs/: each module in docs/ names its file and renders it from code, or has `pages` that do.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");

/** Every generated page: its path, what it holds now, and what it should hold. */
export async function pages() {
  const modules = readdirSync(join(import.meta.dirname, "docs")).filter((name) => name.endsWith(".mjs"));
  const all = await Promise.all(
    modules.map(async (name) => {
      const module = await import(`./docs/${name}`);
      return module.pages ?? [module];
    }),
  );
  return Promise.all(
    all.flat().map(async ({ file, render }) => {
      let current = "";
      try {
        current = readFileSync(join(root, file), "utf8");
      } catch {
        // The page is new.
      }
      return { file, current, wanted: await render(current) };
    }),
  );
}

/** `text` with what stands between `<!-- name -->` and `<!-- /name -->` replaced. */
export function between(text, name, replacement) {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(open), text.indexOf(close)];
  if (from === -1 || to === -1) throw new Error(`there is no ${open} … ${close}`);
  return `${text.slice(0, from + open.length)}\n\n${replacement}\n\n${text.slice(to)}`;
}

/** A Markdown table. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
