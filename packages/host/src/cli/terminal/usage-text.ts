import type { ArgDef, ArgsDef, CommandDef, CommandMeta } from "citty";
import { painter } from "./colours.ts";
import { COLUMNS, hanging, wrapped } from "./wrap.ts";

/** Columns before a description at most; what is longer has a line of its own. */
const LEFT = 24;

type Row = readonly [what: string, description: string];

/** What `--help` says of a command: within 80 columns, whoever reads it. @param name as it is typed, without `mcp-host` */
export async function usageText(command: CommandDef, name: string): Promise<string> {
  const { description = "" } = await resolved(command.meta as Lazy<CommandMeta>, {});
  const args = Object.entries(await resolved(command.args as Lazy<ArgsDef>, {}));
  const positionals = args.filter(([, { type }]) => type === "positional");
  const flags = args.filter(([, { type }]) => type !== "positional");
  const commands = await commandRows(command);
  const typed = name === "" ? "mcp-host" : `mcp-host ${name}`;
  const needed = positionals.map(([key, definition]) => {
    const word = definition.type === "positional" && definition.required === false ? `[${key}]` : `<${key}>`;
    return word;
  });
  const line = [typed, ...(commands.length > 0 ? ["<command>"] : []), ...(flags.length > 0 ? ["[options]"] : []), ...needed].join(" ");
  const paint = painter(process.stdout);
  const parts = [
    ...(description === "" ? [] : [wrapped(description, COLUMNS).join("\n")]),
    `${paint("bold", "USAGE")}  ${hanging(line, 7, COLUMNS)}`,
  ];
  const section = (title: string, rows: readonly Row[]): void => {
    if (rows.length > 0) parts.push(`${paint("bold", title)}\n\n${rowsText(rows)}`);
  };
  section(
    "ARGUMENTS",
    positionals.map(([key, definition]) => [key.toUpperCase(), descriptionOf(definition)]),
  );
  section(
    "OPTIONS",
    flags.flatMap(([key, definition]) => flagRows(key, definition)),
  );
  for (const [key, definition] of flags) section(key.toUpperCase(), meaningsOf(definition));
  section("COMMANDS", commands);
  if (commands.length > 0) parts.push("`mcp-host <command> --help` tells more about a command.");
  return `${parts.join("\n\n")}\n`;
}

type Lazy<T> = T | Promise<T> | (() => T | Promise<T>) | undefined;

async function resolved<T>(lazy: Lazy<T>, otherwise: T): Promise<T> {
  return (await (typeof lazy === "function" ? (lazy as () => T | Promise<T>)() : lazy)) ?? otherwise;
}

/** The commands of a group, or all. */
async function commandRows(command: CommandDef): Promise<Row[]> {
  const commands = await resolved(command.subCommands as Lazy<Record<string, Lazy<CommandDef>>>, {});
  return Promise.all(
    Object.entries(commands).map(async ([name, load]): Promise<Row> => {
      const { meta } = await resolved(load, {} as CommandDef); // a command that says nothing has no description
      return [name, (await resolved(meta as Lazy<CommandMeta>, {})).description ?? ""];
    }),
  );
}

/** A flag, and where it can be taken back and says so, what does. */
function flagRows(key: string, definition: ArgDef): Row[] {
  const aliases = "alias" in definition ? [definition.alias ?? []].flat() : [];
  const names = [...aliases.map((alias) => `-${alias}`), `--${key}`].join(", ");
  const rows: Row[] = [[definition.type === "boolean" ? names : `${names}=<${hintOf(key, definition)}>`, descriptionOf(definition)]];
  const negative = "negativeDescription" in definition ? definition.negativeDescription : undefined;
  return negative === undefined ? rows : [...rows, [`--no-${key}`, negative]];
}

/** What each value of a flag stands for, where the command says so. */
function meaningsOf(definition: ArgDef & { readonly meanings?: Readonly<Record<string, string>> }): Row[] {
  return Object.entries(definition.meanings ?? {});
}

function hintOf(key: string, definition: ArgDef): string {
  if ("options" in definition && definition.options) return definition.options.join("|");
  return ("valueHint" in definition ? definition.valueHint : undefined) ?? key;
}

function descriptionOf({ description = "", ...definition }: ArgDef): string {
  // What a positional may be stands in no flag's hint.
  if (definition.type !== "positional" || !definition.valueHint?.includes("|")) return description;
  return `${definition.valueHint.replaceAll("|", ", ")}. ${description}`;
}

function rowsText(rows: readonly Row[]): string {
  const fitting = rows.map(([what]) => what.length).filter((length) => length <= LEFT);
  const left = Math.max(0, ...fitting);
  const indent = left + 4;
  return rows
    .map(([what, description]) => {
      const text = hanging(description, indent, COLUMNS);
      return what.length <= left ? `  ${what.padEnd(left)}  ${text}`.trimEnd() : `  ${what}\n${" ".repeat(indent)}${text}`.trimEnd();
    })
    .join("\n");
}
