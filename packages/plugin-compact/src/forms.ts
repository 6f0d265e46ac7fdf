import { isFields, mapped, type Node, Raw, readJson, written } from "./json.ts";
import { factored } from "./repeats.ts";
import { tableOf, tableText } from "./table.ts";
import { tokensOf } from "./tokens.ts";

/** What became of a text. */
export type Form = "table" | "minified";

export interface Shorter {
  readonly text: string;
  readonly form: Form;
  /** Estimated. */
  readonly tokens: number;
}

/** How the other form is to be read; the first line of a text that has it. */
export const TABLE_MARK =
  "[JSON in short form by the host, nothing left out. Cells are JSON or bare text, an empty cell is no field, a.b is b in a; <name> stands for what is below.]";

/** What a file holds is not always what it says: whoever edits it must know that its blanks are others. */
export const MINIFIED_MARK = "[JSON by the host without its blanks.]";

/**
 * The text in the form that costs least; undefined where none saves `saving` of it.
 * @param most `minified` gives JSON and nothing else, for programs
 */
export function shorter(text: string, before: number, saving: number, most: Form = "table"): Shorter | undefined {
  const document = readJson(text);
  if (!document) return undefined;
  const { value, minified } = document;
  const blankless = most === "table" ? `${MINIFIED_MARK}\n${minified}` : minified;
  const plain = { text: blankless, form: "minified", tokens: tokensOf(blankless) } as const;
  let best: Shorter = plain;
  for (const each of most === "table" ? [tabled(value, []), repeatless(value)] : []) {
    if (each === undefined) continue;
    const tokens = tokensOf(each);
    // What is JSON still is read more easily: another form has to be worth it.
    if (tokens < (best.form === "minified" ? (1 - saving) * best.tokens : best.tokens)) best = { text: each, form: "table", tokens };
  }
  return best.tokens <= (1 - saving) * before ? best : undefined;
}

function repeatless(value: Node): string | undefined {
  const found = factored(value);
  return found && (tabled(found.value, found.once) ?? short(written(found.value), [], found.once));
}

/** With every list of objects that are alike as a table; undefined where there is none. */
function tabled(value: Node, once: readonly (readonly [string, Node])[]): string | undefined {
  const tables: string[] = [];
  const replace = (each: Node): Node => {
    const table = tableOf(each);
    if (table) {
      const name = `<table ${tables.length + 1}>`;
      tables.push(tableText(name, table));
      return new Raw(name);
    }
    if (Array.isArray(each)) return each.map(replace);
    return isFields(each) ? mapped(each, replace) : each;
  };
  const body = written(replace(value));
  return tables.length === 0 ? undefined : short(body, tables, once);
}

function short(body: string, tables: readonly string[], once: readonly (readonly [string, Node])[]): string {
  const own = body === "<table 1>" ? [] : [body];
  return [TABLE_MARK, ...own, ...tables, ...once.map(([name, value]) => `${name} ${written(value)}`)].join("\n");
}
