import { readFileSync } from "node:fs";
import { definePlugin } from "mcp-host";
import { z } from "zod";
import { Claims } from "./claims.ts";
import { Naming } from "./naming.ts";
import { checkedOptions, namedUpstreams } from "./options.ts";
import { watchOverrides } from "./overrides.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const options = z.strictObject({
  strategy: z
    .enum(["prefix", "conflict"])
    .default("prefix")
    .describe("`prefix`: every name gets its upstream's prefix. `conflict`: only names that several upstreams have, and then all of them."),
  separator: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,8}$/, "must be 1 to 8 of A-Z a-z 0-9 _ . -")
    .default("__")
    .describe("Stands between prefix and name."),
  prefixes: z
    .record(z.string(), z.string().regex(/^[A-Za-z0-9_.-]{0,64}$/, "must be at most 64 of A-Z a-z 0-9 _ . -"))
    .default({})
    .describe('Upstream → its prefix instead of its key; `""` for none.'),
  names: z
    .record(
      z.string().regex(/^[^:]+:.+$/s, 'must be "<upstream>:<native name>"'),
      z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, "must be 1 to 128 of A-Z a-z 0-9 _ . -"),
    )
    .default({})
    .describe("`<upstream>:<native name>` → the exposed name of that tool or prompt, as it stands."),
  maxLength: z
    .int()
    .min(16)
    .max(128)
    .default(48)
    .describe(
      "Longest exposed name, in characters; what would be longer gets a short alias that never changes. Models take 64, of which 16 are left for what clients put before names, such as `mcp__mcp-host__`.",
    ),
});

/** What a config may say of the plugin. */
export type NamespaceOptions = z.input<typeof options>;

/** Keeps the tool and prompt names of several upstreams apart. URIs stay as they are. */
export const namespace = definePlugin({
  name: "namespace",
  version,
  host: "^1.0.0",
  options,
  apply(host, given) {
    host.reload.expectUpstreams(...namedUpstreams(given));
    const rules = checkedOptions(given, Object.keys(host.config.mcpServers));
    const naming = new Naming(rules, new Claims(), host.log);
    host.hooks.merge.tap("namespace", (entries) => naming.name(entries));
    if (rules.names.size > 0) host.hooks.discover.tap("namespace", watchOverrides(rules.names, host.log));
  },
});

export default namespace;
