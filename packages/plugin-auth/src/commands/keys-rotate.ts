import { resolve } from "node:path";
import { nearest, type PluginCommandData } from "mcp-host";
import { changeKeys } from "../key-file.ts";
import { fileOf, takenOn } from "./context.ts";
import { madeKey } from "./made-key.ts";

/** `mcp-host auth keys rotate <id>`: a new key in the place of one in the file of keys, which ends with it. */
export default {
  meta: { name: "keys rotate", description: "Make a new API key in the place of one in the file of keys, which ends at once" },
  args: {
    id: { type: "positional", description: "Whose key it is" },
    expires: { type: "string", description: "When the new one ends; default: as the old one", valueHint: "2030-01-31T00:00:00Z" },
    json: { type: "boolean", description: "Print key and file as JSON" },
  },
  async run({ args, data }: { args: { id: string; expires?: string; json?: boolean }; data?: PluginCommandData }): Promise<number> {
    const { id, expires } = args;
    const { pepper, keys, file, folder, config } = fileOf(data);
    const { key, entry } = madeKey(id, "<id>", { expires }, pepper);
    const path = resolve(folder, file);
    changeKeys(file, folder, (there) => {
      const old = there.find((other) => other.id === id);
      if (old?.expires !== undefined && entry.expires === undefined && Date.parse(old.expires) <= Date.now())
        throw new Error(`the key of "${id}" ended at ${old.expires}, and so would the new one; say when that ends, with --expires`);
      if (old) {
        const made = { ...old, digest: entry.digest, ...(entry.expires !== undefined && { expires: entry.expires }) };
        return there.map((other) => (other === old ? made : other));
      }
      if (keys.some((other) => other.id === id))
        throw new Error(
          `the key of "${id}" is in the config, ${config}; make another with \`mcp-host auth new-key\`, and put its entry there`,
        );
      const ids = there.map((other) => other.id);
      throw new Error(
        `there is no key of "${id}" in ${path}${nearest(id, ids)}; ${ids.length > 0 ? `it has ${ids.join(", ")}` : "it has none"}`,
      );
    });
    if (args.json) process.stdout.write(`${JSON.stringify({ key, id, file: path }, undefined, 2)}\n`);
    else {
      process.stdout.write(`${key}\n`);
      process.stderr.write(`Give this key to its owner: it is shown once, and the one before is good no more. Its digest is in ${path}.\n`);
    }
    return takenOn(config);
  },
};
