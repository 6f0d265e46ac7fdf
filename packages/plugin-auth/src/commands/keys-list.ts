import type { PluginCommandData } from "mcp-host";
import { writtenKeys } from "../key-file.ts";
import { keysOf } from "./context.ts";

/** One key, without its digest. */
interface Listed {
  readonly id: string;
  readonly roles: readonly string[];
  readonly expires: string | undefined;
  readonly expired: boolean;
  readonly from: "config" | "file";
}

/** `mcp-host auth keys list`. */
export default {
  meta: { name: "keys list", description: "List the API keys of the config and of the file of keys" },
  args: { json: { type: "boolean", description: "Print JSON" } },
  run({ args, data }: { args: { json?: boolean }; data?: PluginCommandData }): void {
    const { keys, file, folder } = keysOf(data);
    const now = Date.now();
    const there = file === undefined ? [] : writtenKeys(file, folder);
    const all = [...keys.map((key) => ({ key, from: "config" as const })), ...there.map((key) => ({ key, from: "file" as const }))];
    const listed = all.map(({ key: { id, roles = [], expires }, from }): Listed => {
      return { id, roles, expires, expired: expires !== undefined && Date.parse(expires) <= now, from };
    });
    const words = listed.length > 0 ? listed.map(described).join("") : "there are no API keys\n";
    process.stdout.write(args.json ? `${JSON.stringify(listed, undefined, 2)}\n` : words);
  },
};

function described({ id, roles, expires, expired, from }: Listed): string {
  const until = expires === undefined ? "" : `  ${expired ? "expired" : "until"} ${expires}`;
  // A role may be any text.
  return `${id}  ${roles.length > 0 ? `roles ${roles.map((role) => JSON.stringify(role)).join(", ")}` : "no roles"}${until}  (${from})\n`;
}
