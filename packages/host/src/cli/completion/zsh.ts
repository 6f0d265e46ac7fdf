import { type Command, firstWords, type Group, groupsOf, HELP, ROOT_FLAGS, type Value, type Word } from "./words.ts";

/** The script that `source <(mcp-host --completion zsh)` reads, or that lies as `_mcp-host` in a folder of $fpath. */
export function zshScript(commands: readonly Command[]): string {
  return `#compdef mcp-host
_mcp_host() {
  local -a commands
  commands=(
${described([...firstWords(commands), ...ROOT_FLAGS], "    ")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  local command=$words[1]
  case $command in
${groupsOf(commands).map(secondWord).join("\n")}
  esac
  case $command in
    --completion) _arguments '1:shell:(bash zsh fish)' ;;
${commands.map(branch).join("\n")}
  esac
}
if [[ $funcstack[1] == _mcp_host || $funcstack[1] == _mcp-host ]]; then _mcp_host "$@"; else compdef _mcp_host mcp-host; fi
`;
}

function described(words: readonly Word[], indent: string): string {
  return words.map(({ name, description }) => `${indent}${quoted(`${name.replaceAll(":", "\\:")}:${description}`)}`).join("\n");
}

/** The second word of a command, or both as the command from there on. */
function secondWord({ name, words }: Group): string {
  return `    ${name})
      commands=(
${described([...words, HELP], "        ")}
      )
      if (( CURRENT == 2 )); then
        _describe command commands
        return
      fi
      shift words
      (( CURRENT-- ))
      command+=" $words[1]" ;;`;
}

function branch({ name, positionals, flags }: Command): string {
  const specs = [
    ...positionals.map((positional, index) => `${index + 1}:${positional.name}:${action(positional.value)}`),
    ...flags.map((flag) => {
      const head = `${flag.name}${flag.value.kind === "none" ? "" : "="}[${flag.description.replace(/[\\[\]]/g, "\\$&")}]`;
      return flag.value.kind === "none" ? head : `${head}:${flag.name.slice(2)}:${action(flag.value)}`;
    }),
  ];
  return `    '${name}') _arguments ${specs.map(quoted).join(" ")} ;;`;
}

function action(value: Value): string {
  if (value.kind === "words") return `(${value.words.join(" ")})`;
  return value.kind === "file" ? "_files" : " ";
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
