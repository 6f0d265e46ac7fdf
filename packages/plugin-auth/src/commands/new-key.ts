import type { PluginCommandData } from "mcp-host";
import { keysOf } from "./context.ts";
import { type KeyFlags, keyArgs, madeKey } from "./made-key.ts";

/** `mcp-host auth new-key`: prints a key once, and the entry for the config that will know it. */
export default {
  meta: { name: "mcp-host auth new-key", description: "Make an API key: shown once, and only its digest is kept" },
  args: {
    id: { type: "string", description: "Whose key it is", valueHint: "name", required: true },
    ...keyArgs,
    json: { type: "boolean", description: "Print key and entry as JSON" },
  },
  run({ args, data }: { args: KeyFlags & { id: string; json?: boolean }; data?: PluginCommandData }): void {
    const { key, entry } = madeKey(args.id, "--id", args, keysOf(data).pepper);
    if (args.json) return void process.stdout.write(`${JSON.stringify({ key, entry }, undefined, 2)}\n`);
    process.stdout.write(`${key}\n`);
    process.stderr.write(`Give this key to its owner: it is shown once. Put this into options.apiKeys.keys:\n${JSON.stringify(entry)}\n`);
  },
};
