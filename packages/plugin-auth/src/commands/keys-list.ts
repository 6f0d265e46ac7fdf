import { callRunningHost, isObject, type PluginCommandData } from "mcp-host";
import { writtenKeys } from "../key-file.ts";
import { keysOf } from "./context.ts";

/** One key, without its digest. */
interface Listed {
  readonly id: string;
  readonly roles: readonly string[];
  readonly expires: string | undefined;
  readonly expired: boolean;
  readonly from: "config" | "file";
  /** When it was last used, as far as a running host knows. */
  readonly used?: { readonly at: string; readonly from: string };
}

/** `mcp-host auth keys list`. */
export default {
  meta: { name: "keys list", description: "List the API keys of the config and of the file of keys" },
  args: { json: { type: "boolean", description: "Print JSON" } },
  async run({ args, data }: { args: { json?: boolean }; data?: PluginCommandData }): Promise<void> {
    const { keys, file, folder, config } = keysOf(data);
    const uses = await usesOf(config);
    const now = Date.now();
    const there = file === undefined ? [] : writtenKeys(file, folder);
    const all = [...keys.map((key) => ({ key, from: "config" as const })), ...there.map((key) => ({ key, from: "file" as const }))];
    const listed = all.map(({ key: { id, roles = [], expires }, from }): Listed => {
      const used = uses[id];
      return { id, roles, expires, expired: expires !== undefined && Date.parse(expires) <= now, from, ...(used && { used }) };
    });
    const words = listed.length > 0 ? listed.map(described).join("") : "there are no API keys\n";
    process.stdout.write(args.json ? `${JSON.stringify(listed, undefined, 2)}\n` : words);
  },
};

/** When keys were last used, by their ids, as the host says that runs on the config; nothing where none does. */
async function usesOf(config: string): Promise<Record<string, Listed["used"]>> {
  let given: unknown;
  try {
    ({ used: given } = await callRunningHost("auth", "keys", {}, { config }));
  } catch (error) {
    const { name, message } = error as Error; // it throws nothing else
    if (name !== "NoHostError") process.stderr.write(`mcp-host: when keys were last used is not known: ${message}\n`);
    return {};
  }
  if (!isObject(given)) return {};
  return Object.fromEntries(
    Object.entries(given as Record<string, { at: number; from: string }>).map(([id, { at, from }]) => [
      id,
      { at: new Date(at).toISOString(), from },
    ]), // as the operation gives it
  );
}

function described({ id, roles, expires, expired, from, used }: Listed): string {
  const until = expires === undefined ? "" : `  ${expired ? "expired" : "until"} ${expires}`;
  // A role may be any text.
  return `${id}  ${roles.length > 0 ? `roles ${roles.map((role) => JSON.stringify(role)).join(", ")}` : "no roles"}${until}  (${from})${used ? `  used ${used.at} from ${used.from}` : ""}\n`;
}
