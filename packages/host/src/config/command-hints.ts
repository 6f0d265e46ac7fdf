import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { placeOf } from "./parse.ts";
import { isPlainObject } from "./plain.ts";
import { tildeHint } from "./text-file.ts";

/** What was probably meant by a `command` that is not there; "" where nothing is known. */
export function commandHint(command: string): string {
  const [program = "", ...rest] = command.trim().split(/\s+/);
  if (rest.length === 0) return tildeHint(command);
  return `; \`command\` is the program alone: if that is ${JSON.stringify(program)}, put the rest into \`args\`, one item for each word${tildeHint(command)}`;
}

/** Of each server whose `command` or `cwd` is written as for a shell, and not there, what to write. @param folder where relative paths begin */
export function commandHints(config: unknown, folder: string): string[] {
  const servers = isPlainObject(config) && isPlainObject(config.mcpServers) ? Object.entries(config.mcpServers) : [];
  return servers.flatMap(([name, server]) => {
    if (!isPlainObject(server)) return [];
    const { command, cwd } = server;
    return [
      ...(typeof command === "string" && !existsSync(resolve(folder, command)) ? told([name, "command"], commandHint(command)) : []),
      ...(typeof cwd === "string" && !existsSync(resolve(folder, cwd)) ? told([name, "cwd"], tildeHint(cwd)) : []),
    ];
  });
}

function told(path: readonly string[], hint: string): string[] {
  return hint === "" ? [] : [`${placeOf(["mcpServers", ...path])}: is not there${hint}`];
}
