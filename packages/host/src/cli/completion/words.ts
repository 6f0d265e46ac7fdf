import type { ArgDef, ArgsDef, CommandDef } from "citty";
import { optionsOf } from "../command-line/usage.ts";

/** What can follow a flag or stand for an argument: some words, a file, anything, or nothing at all. */
export type Value = { kind: "words"; words: readonly string[] } | { kind: "file" } | { kind: "any" } | { kind: "none" };

export interface Flag {
  /** As it is written: `--json`. */
  readonly name: string;
  readonly description: string;
  readonly value: Value;
}

export interface Command {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly Flag[];
  /** Of each argument without a flag, in order. */
  readonly positionals: readonly { readonly name: string; readonly value: Value }[];
}

/** What may be written in one place, and what it means. */
export interface Word {
  readonly name: string;
  readonly description: string;
}

/** Commands of two words whose first word is the same. */
export interface Group extends Word {
  /** Their second words. */
  readonly words: readonly Word[];
}

export const HELP: Flag = { name: "--help", description: "Show how it is used", value: { kind: "none" } };

/** What stands for a command itself. */
export const ROOT_FLAGS: readonly Flag[] = [
  { name: "--help", description: "Show every command", value: { kind: "none" } },
  { name: "--version", description: "Show the version", value: { kind: "none" } },
  { name: "--completion", description: "Print a completion script", value: { kind: "words", words: ["bash", "zsh", "fish"] } },
];

/** Commands by their words, each loaded when it is needed. */
export type Commands = Readonly<Record<string, () => Promise<CommandDef>>>;

/** The commands as their definitions have them. */
export async function commandWords(commands: Commands): Promise<Command[]> {
  return Promise.all(
    Object.entries(commands).map(async ([name, load]) => {
      const { meta, args = {} } = await load();
      const entries = Object.entries(args as ArgsDef); // no command makes its arguments lazily
      return {
        name,
        description: (meta as { description?: string } | undefined)?.description ?? "", // nor its meta
        flags: [...entries.filter(([, { type }]) => type !== "positional").flatMap(flagsOf), HELP],
        positionals: entries
          .filter(([, { type }]) => type === "positional")
          .map(([key, argument]) => ({ name: key, value: takes(argument) })),
      };
    }),
  );
}

/** The groups among the commands. */
export function groupsOf(commands: readonly Command[]): Group[] {
  const groups = new Map<string, Word[]>();
  for (const { name, description } of commands) {
    const [group = "", word] = name.split(" ");
    if (word !== undefined) groups.set(group, [...(groups.get(group) ?? []), { name: word, description }]);
  }
  return [...groups].map(([name, words]) => ({
    name,
    description: `One of ${words.map((word) => word.name).join(", ")}`,
    words,
  }));
}

/** What may follow `mcp-host`, beside its flags. */
export function firstWords(commands: readonly Command[]): Word[] {
  return [...commands.filter(({ name }) => !name.includes(" ")), ...groupsOf(commands)];
}

function flagsOf([name, argument]: [string, ArgDef]): Flag[] {
  const { description = "" } = argument;
  const flag = { name: `--${name}`, description, value: takes(argument) };
  const negative = "negativeDescription" in argument ? argument.negativeDescription : undefined;
  return negative === undefined ? [flag] : [flag, { name: `--no-${name}`, description: negative, value: { kind: "none" } }];
}

function takes(argument: ArgDef): Value {
  if (argument.type === "boolean") return { kind: "none" };
  const words = optionsOf(argument);
  if (words) return { kind: "words", words };
  return "valueHint" in argument && /^(file|folder)(\.\.\.)?$/.test(argument.valueHint ?? "") ? { kind: "file" } : { kind: "any" };
}
