import { readFileSync } from "node:fs";
import { definePlugin } from "mcp-host";
import { z } from "zod";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const options = z.strictObject({});

/** What a config may say of the plugin. */
export type TransformOptions = z.input<typeof options>;

export const transform = definePlugin({
  name: "transform",
  version,
  host: "^1.0.0",
  options,
  apply() {},
});

export default transform;
