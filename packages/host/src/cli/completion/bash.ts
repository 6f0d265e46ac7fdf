import { type Command, type Flag, ROOT_FLAGS } from "./words.ts";

/** The script that `source <(mcp-host --completion bash)` reads. */
export function bashScript(commands: readonly Command[]): string {
  const names = [...commands.map(({ name }) => name), ...ROOT_FLAGS.map(({ name }) => name)];
  const values = [
    ...ROOT_FLAGS.flatMap((flag) => afterFlag(`${flag.name} ${flag.name}`, flag)),
    ...commands.flatMap(({ name, flags }) => flags.flatMap((flag) => afterFlag(`${name} ${flag.name}`, flag))),
  ];
  return `# bash completion for mcp-host
_mcp_host() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} words=""
  COMPREPLY=()
  # Readline cuts --flag=value in three.
  if [[ $current == "=" ]]; then current=""; elif [[ $previous == "=" ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "${names.join(" ")}" -- "$current"))
    return
  fi
  case "$command $previous" in
${values.join("\n")}
  esac
  case "$command" in
${commands.map((command) => `    ${command.name}) words="${wordsOf(command).join(" ")}" ;;`).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _mcp_host mcp-host
`;
}

/** What follows a flag that takes a value. @param words the command and the flag */
function afterFlag(words: string, { value }: Flag): string[] {
  if (value.kind === "words") return [`    "${words}") COMPREPLY=($(compgen -W "${value.words.join(" ")}" -- "$current")); return ;;`];
  if (value.kind === "file")
    return [`    "${words}") local IFS=$'\\n'; compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$current")); return ;;`];
  return value.kind === "any" ? [`    "${words}") return ;;`] : [];
}

/** Whatever may come next in a command: words that stand for arguments, and flags. */
function wordsOf({ positionals, flags }: Command): string[] {
  return [...positionals.flatMap(({ value }) => (value.kind === "words" ? value.words : [])), ...flags.map(({ name }) => name)];
}
