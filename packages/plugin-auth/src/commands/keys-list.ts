import { callRunningHost, type PluginCommandData } from "mcp-host";
import { type ListedKey, listedKeys } from "../listed-keys.ts";
import { keysOf } from "./context.ts";

type Listed = ListedKey & {
  /** When it was last used, as far as a running host knows. */
  readonly used?: { readonly at: string; readonly from: string };
};

/** `mcp-host auth keys list`. */
export default {
  meta: { name: "keys list", description: "List the API keys of the config and of the file of keys" },
  args: { json: { type: "boolean", description: "Print JSON" } },
  async run({ args, data }: { args: { json?: boolean }; data?: PluginCommandData }): Promise<void> {
    const { keys, file, folder, config } = keysOf(data);
    const uses = await usesOf(config);
    const listed = listedKeys({ keys, file }, folder, Date.now()).map((key): Listed => {
      const used = uses[key.id];
      return { ...key, ...(used && { used }) };
    });
    const words = listed.length > 0 ? listed.map(described).join("") : "there are no API keys\n";
    process.stdout.write(args.json ? `${JSON.stringify(listed, undefined, 2)}\n` : words);
  },
};

/** When keys were last used, by their ids, as the host says that runs on the config; nothing where none does. */
async function usesOf(config: string): Promise<Record<string, Listed["used"]>> {
  try {
    const { keys } = await callRunningHost("auth", "keys", {}, { config });
    return Object.fromEntries((keys as Listed[]).map(({ id, used }) => [id, used])); // what the operation gives
  } catch (error) {
    const { name, message } = error as Error; // it throws nothing else
    if (name !== "NoHostError") process.stderr.write(`mcp-host: when keys were last used is not known: ${message}\n`);
    return {};
  }
}

function described({ id, roles, expires, expired, from, used }: Listed): string {
  const until = expires === undefined ? "" : `  ${expired ? "expired" : "until"} ${expires}`;
  // A role may be any text.
  return `${id}  ${roles.length > 0 ? `roles ${roles.map((role) => JSON.stringify(role)).join(", ")}` : "no roles"}${until}  (${from})${used ? `  used ${used.at} from ${used.from}` : ""}\n`;
}
