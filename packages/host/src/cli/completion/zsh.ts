import { type Command, ROOT_FLAGS, type Value } from "./words.ts";

/** The script that `source <(mcp-host --completion zsh)` reads, or that lies as `_mcp-host` in a folder of $fpath. */
export function zshScript(commands: readonly Command[]): string {
  const names = [...commands, ...ROOT_FLAGS].map(({ name, description }) => quoted(`${name.replaceAll(":", "\\:")}:${description}`));
  return `#compdef mcp-host
_mcp_host() {
  local -a commands
  commands=(
${names.map((name) => `    ${name}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
    --completion) _arguments '1:shell:(bash zsh fish)' ;;
${commands.map(branch).join("\n")}
  esac
}
if [[ $funcstack[1] == _mcp_host || $funcstack[1] == _mcp-host ]]; then _mcp_host "$@"; else compdef _mcp_host mcp-host; fi
`;
}

function branch({ name, positionals, flags }: Command): string {
  const specs = [
    ...positionals.map((positional, index) => `${index + 1}:${positional.name}:${action(positional.value)}`),
    ...flags.map((flag) => {
      const head = `${flag.name}${flag.value.kind === "none" ? "" : "="}[${flag.description.replace(/[\\[\]]/g, "\\$&")}]`;
      return flag.value.kind === "none" ? head : `${head}:${flag.name.slice(2)}:${action(flag.value)}`;
    }),
  ];
  return `    ${name}) _arguments ${specs.map(quoted).join(" ")} ;;`;
}

function action(value: Value): string {
  if (value.kind === "words") return `(${value.words.join(" ")})`;
  return value.kind === "file" ? "_files" : " ";
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
