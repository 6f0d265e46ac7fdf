import { resolve } from "node:path";
import { nearest, type PluginCommandData } from "mcp-host";
import { changeKeys } from "../key-file.ts";
import { fileOf, takenOn } from "./context.ts";

/** `mcp-host auth keys revoke <id>`. */
export default {
  meta: { name: "keys revoke", description: "Take an API key out of the file of keys" },
  args: { id: { type: "positional", description: "Whose key it is" }, json: { type: "boolean", description: "Print JSON" } },
  async run({ args, data }: { args: { id: string; json?: boolean }; data?: PluginCommandData }): Promise<number> {
    const { id } = args;
    const { keys, file, folder, config } = fileOf(data);
    const path = resolve(folder, file);
    changeKeys(file, folder, (there) => {
      const kept = there.filter((key) => key.id !== id);
      if (kept.length < there.length) return kept;
      if (keys.some((key) => key.id === id))
        throw new Error(`the key of "${id}" is in the config, ${config}; take it out of options.apiKeys.keys there`);
      const ids = there.map((key) => key.id);
      throw new Error(
        `there is no key of "${id}" in ${path}${nearest(id, ids)}; ${ids.length > 0 ? `it has ${ids.join(", ")}` : "it has none"}`,
      );
    });
    process.stdout.write(
      args.json ? `${JSON.stringify({ id, file: path, revoked: true }, undefined, 2)}\n` : `the key of "${id}" is revoked\n`,
    );
    return takenOn(config);
  },
};
