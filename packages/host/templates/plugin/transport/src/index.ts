import { readFileSync } from "node:fs";
import { definePlugin } from "mcp-host";
import { z } from "zod";
import { LineTransport } from "./line-transport.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const options = z.strictObject({
  type: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,63}$/, "must be a letter and up to 63 more of a-z 0-9 -")
    .default("tcp")
    .describe("What servers say in `type` to be reached this way."),
});

/** What a config may say of the plugin. */
export type TemplatePluginOptions = z.input<typeof options>;

/** What a server of this type may say under `options`. */
const server = z.strictObject({
  host: z.string().min(1).default("127.0.0.1").describe("The machine."),
  port: z.int().min(1).max(65_535).describe("Where it listens."),
  connectTimeout: z.int().min(1).max(60_000).default(5_000).describe("Milliseconds until a connection must stand."),
});

/** Servers behind a TCP port that speak one JSON-RPC message a line, as over stdio. */
export const templatePlugin = definePlugin({
  name: "template-plugin",
  version,
  host: "^1.0.0",
  options,
  apply(host, { type }) {
    // A new transport for every connection; the host starts and closes it.
    host.transports.register(type, ({ options }) => new LineTransport(options), { options: server });
  },
});

export default templatePlugin;
