import { type Command, type Flag, ROOT_FLAGS } from "./words.ts";

/** The script that `mcp-host --completion fish | source` reads. */
export function fishScript(commands: readonly Command[]): string {
  const first = "test (count (commandline -opc)) -eq 1";
  return [
    "# fish completion for mcp-host",
    "function __mcp_host_runs",
    "  set -l words (commandline -opc)",
    '  test (count $words) -ge 2; and test "$words[2]" = "$argv[1]"',
    "end",
    "complete -c mcp-host -e",
    "complete -c mcp-host -f",
    ...commands.map(({ name, description }) => `complete -c mcp-host -n '${first}' -a ${name} -d ${quoted(description)}`),
    ...ROOT_FLAGS.map((flag) => `complete -c mcp-host -n '${first}' ${flagOf(flag)}`),
    ...commands.flatMap(ofCommand),
    "",
  ].join("\n");
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
