import { resolve } from "node:path";
import type { PluginCommandData } from "mcp-host";
import { revokeKey } from "../listed-keys.ts";
import { fileOf, takenOn } from "./context.ts";

/** `mcp-host auth keys revoke <id>`. */
export default {
  meta: { name: "keys revoke", description: "Take an API key out of the file of keys" },
  args: { id: { type: "positional", description: "Whose key it is" }, json: { type: "boolean", description: "Print JSON" } },
  async run({ args, data }: { args: { id: string; json?: boolean }; data?: PluginCommandData }): Promise<number> {
    const { id } = args;
    const { keys, file, folder, config } = fileOf(data);
    const path = resolve(folder, file);
    revokeKey({ keys, file: path }, folder, id, config);
    process.stdout.write(
      args.json ? `${JSON.stringify({ id, file: path, revoked: true }, undefined, 2)}\n` : `the key of "${id}" is revoked\n`,
    );
    return takenOn(config);
  },
};
