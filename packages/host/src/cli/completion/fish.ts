import { type Command, type Flag, firstWords, groupsOf, HELP, ROOT_FLAGS, type Word } from "./words.ts";

/** The script that `mcp-host --completion fish | source` reads. */
export function fishScript(commands: readonly Command[]): string {
  const first = "test (count (commandline -opc)) -eq 1";
  const second = (group: string): string => `__mcp_host_runs ${group}; and test (count (commandline -opc)) -eq 2`;
  return [
    "# fish completion for mcp-host",
    "function __mcp_host_runs",
    "  set -l words (commandline -opc)",
    "  set -l last (math 1 + (count $argv))",
    '  test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"',
    "end",
    "complete -c mcp-host -e",
    "complete -c mcp-host -f",
    ...wordsWhere(first, firstWords(commands), ROOT_FLAGS),
    ...groupsOf(commands).flatMap(({ name, words }) => wordsWhere(second(name), words, [HELP])),
    ...commands.flatMap(ofCommand),
    "",
  ].join("\n");
}

function wordsWhere(condition: string, words: readonly Word[], flags: readonly Flag[]): string[] {
  const offer = `complete -c mcp-host -n '${condition}'`;
  return [
    ...words.map(({ name, description }) => `${offer} -a ${name} -d ${quoted(description)}`),
    ...flags.map((flag) => `${offer} ${flagOf(flag)}`),
  ];
}

function ofCommand({ name, flags, positionals }: Command): string[] {
  const runs = `complete -c mcp-host -n '__mcp_host_runs ${name}'`;
  const words = positionals.flatMap(({ value }) => (value.kind === "words" ? value.words : []));
  return [...(words.length > 0 ? [`${runs} -a ${quoted(words.join(" "))}`] : []), ...flags.map((flag) => `${runs} ${flagOf(flag)}`)];
}

function flagOf({ name, description, value }: Flag): string {
  const takes = { none: "", any: "-x ", file: "-r -F ", words: value.kind === "words" ? `-x -a ${quoted(value.words.join(" "))} ` : "" };
  return `-l ${name.slice(2)} ${takes[value.kind]}-d ${quoted(description)}`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
