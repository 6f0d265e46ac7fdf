import type { ArgsDef } from "citty";
import { EXTENSIONS } from "../../config/locate.ts";
import { jsonArgs } from "../../operator/host-choice.ts";

/** Which server of which file. */
export const serverArgs = {
  name: { type: "positional", required: true, valueHint: "name", description: "What the server is called in the config" },
  config: {
    type: "string",
    valueHint: "file",
    description: `The config file. Default: mcp-host.config.json here, or one that ends in ${EXTENSIONS.slice(1).join(", ")}`,
  },
  ...jsonArgs,
} as const satisfies ArgsDef;
