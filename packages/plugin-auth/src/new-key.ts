import type { PluginCommandData } from "mcp-host";
import { ConfigError } from "mcp-host";
import { newKey } from "./keys.ts";
import type { Options } from "./options.ts";

interface Context {
  readonly args: { readonly id: string; readonly roles?: string; readonly expires?: string; readonly json?: boolean };
  /** The host gives it; the options are those of this plugin. */
  readonly data?: PluginCommandData;
}

/** `mcp-host auth new-key`: prints a key once, and the entry for the config that will know it. */
export default {
  meta: { name: "mcp-host auth new-key", description: "Make an API key: shown once, and only its digest is kept" },
  args: {
    id: { type: "string", description: "Whose key it is", valueHint: "name", required: true },
    roles: { type: "string", description: "Its roles, separated by commas", valueHint: "a,b" },
    expires: { type: "string", description: "When it ends", valueHint: "2030-01-31T00:00:00Z" },
    json: { type: "boolean", description: "Print key and entry as JSON" },
  },
  run({ args, data }: Context): void {
    const { apiKeys } = (data?.options ?? {}) as Partial<Options>; // the host parsed them with this plugin's schema
    if (!apiKeys) throw new ConfigError(['plugin "auth": options.apiKeys.pepper: is not configured; new keys are made with it']);
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(args.id)) throw new ConfigError(["--id: must be 1 to 64 of A-Z a-z 0-9 . _ -"]);
    if (args.expires !== undefined && Number.isNaN(Date.parse(args.expires)))
      throw new ConfigError(["--expires: must be a time such as 2030-01-31T00:00:00Z"]);
    const { key, digest } = newKey(args.id, apiKeys.pepper);
    const roles = (args.roles ?? "").split(",").filter((role) => role !== "");
    const entry = { id: args.id, digest, roles, ...(args.expires !== undefined && { expires: new Date(args.expires).toISOString() }) };
    if (args.json) return void process.stdout.write(`${JSON.stringify({ key, entry }, undefined, 2)}\n`);
    process.stdout.write(`${key}\n`);
    process.stderr.write(`Give this key to its owner: it is shown once. Put this into options.apiKeys.keys:\n${JSON.stringify(entry)}\n`);
  },
};
