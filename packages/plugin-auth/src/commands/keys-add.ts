import { resolve } from "node:path";
import type { PluginCommandData } from "mcp-host";
import { changeKeys } from "../key-file.ts";
import { fileOf, takenOn } from "./context.ts";
import { type KeyFlags, keyArgs, madeKey } from "./made-key.ts";

/** `mcp-host auth keys add <id>`: prints a key once, and keeps its digest in the file of keys. */
export default {
  meta: { name: "keys add", description: "Make an API key: shown once, and its digest kept in the file of keys" },
  args: {
    id: { type: "positional", description: "Whose key it is" },
    ...keyArgs,
    json: { type: "boolean", description: "Print key and file as JSON" },
  },
  async run({ args, data }: { args: KeyFlags & { id: string; json?: boolean }; data?: PluginCommandData }): Promise<number> {
    const { id } = args;
    const { pepper, keys, file, folder, config } = fileOf(data);
    const { key, entry } = madeKey(id, "<id>", args, pepper);
    const path = resolve(folder, file);
    changeKeys(file, folder, (there) => {
      if ([...keys, ...there].some((other) => other.id === id))
        throw new Error(`there is a key of "${id}" already; choose another id, or run \`mcp-host auth keys revoke ${id}\` first`);
      return [...there, entry];
    });
    if (args.json) process.stdout.write(`${JSON.stringify({ key, id, file: path }, undefined, 2)}\n`);
    else {
      process.stdout.write(`${key}\n`);
      process.stderr.write(`Give this key to its owner: it is shown once. Its digest is in ${path}.\n`);
    }
    return takenOn(config);
  },
};
