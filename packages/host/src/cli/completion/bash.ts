import { type Command, type Flag, firstWords, type Group, groupsOf, HELP, ROOT_FLAGS, type Word } from "./words.ts";

/** The script that `source <(mcp-host --completion bash)` reads. */
export function bashScript(commands: readonly Command[]): string {
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
    COMPREPLY=($(compgen -W "${namesOf([...firstWords(commands), ...ROOT_FLAGS])}" -- "$current"))
    return
  fi
  case "$command" in
${groupsOf(commands).map(secondWord).join("\n")}
  esac
  case "$command $previous" in
${values.join("\n")}
  esac
  case "$command" in
${commands.map((command) => `    "${command.name}") words="${wordsOf(command).join(" ")}" ;;`).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _mcp_host mcp-host
`;
}

function namesOf(words: readonly Word[]): string {
  return words.map(({ name }) => name).join(" ");
}

/** The second word of a command, or both as the command from there on. */
function secondWord({ name, words }: Group): string {
  return `    ${name})
      if [[ $COMP_CWORD -eq 2 ]]; then
        COMPREPLY=($(compgen -W "${namesOf([...words, HELP])}" -- "$current"))
        return
      fi
      command+=" \${COMP_WORDS[2]}" ;;`;
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
