import { defineCommand } from "citty";
import { VERSION } from "../host.ts";
import { API_VERSION } from "../plugin.ts";
import { LATEST_VERSION } from "../wire/versions.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonArgs } from "./options.ts";

export default defineCommand({
  meta: { name: "version", description: "Show the versions of the host, of its plugin API and of Node.js" },
  args: jsonArgs,
  run({ args }): ExitCode {
    const versions = { "mcp-host": VERSION, pluginApi: API_VERSION, protocol: LATEST_VERSION, node: process.versions.node };
    process.stdout.write(
      args.json
        ? `${JSON.stringify(versions, undefined, 2)}\n`
        : `mcp-host ${VERSION} (plugin API ${API_VERSION}, MCP ${LATEST_VERSION}, Node.js ${process.versions.node})\n`,
    );
    return EXIT.ok.code;
  },
});
