import type { PluginHost } from "mcp-host";
import { z } from "zod";
import { type KeptKeys, listedKeys, revokeKey } from "./listed-keys.ts";
import type { KeyUses } from "./uses.ts";

/** What the plugin offers to operators: its keys, and the end of one. Making one is for whoever has the machine: it gives roles. */
export function offerKeys({ operator, folder, clock }: PluginHost, kept: KeptKeys, uses: KeyUses): void {
  operator.operation(
    "keys",
    async () => {
      const keys = listedKeys(kept, folder, clock.now());
      const used = new Map(await uses.look(keys.map(({ id }) => id)));
      return {
        keys: keys.map((key) => {
          const use = used.get(key.id);
          return { ...key, ...(use && { used: { at: new Date(use.at).toISOString(), from: use.from } }) };
        }),
      };
    },
    {
      description: "Lists the API keys, without what they are made of, and tells when each was last used, and from where.",
      params: z.strictObject({}),
      reads: true,
    },
  );
  const { file } = kept;
  if (file === undefined) return;
  operator.operation(
    "revoke-key",
    async ({ id }, who) => {
      revokeKey({ ...kept, file }, folder, id, "the one that the host runs on");
      await operator.run("reload", {}, who);
      return {};
    },
    {
      description: "Takes an API key out of the file of keys; the host knows it no more once this is done.",
      params: z.strictObject({ id: z.string().min(1).max(256).describe("Whose key it is.") }),
      scope: "configure",
    },
  );
}
