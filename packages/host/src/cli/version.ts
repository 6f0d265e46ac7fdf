import { defineCommand } from "citty";
import { jsonArgs } from "../operator/host-choice.ts";
import { API_VERSION, VERSION } from "../version.ts";
import { LATEST_VERSION } from "../wire/versions.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { INSTALLED, installation } from "./command-line/installed.ts";

import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "version", description: "Show the versions of the host, of its plugin API and of Node.js, and how it was installed" },
  args: jsonArgs,
  run({ args }): ExitCode {
    const versions = { "mcp-host": VERSION, pluginApi: API_VERSION, protocol: LATEST_VERSION, node: process.versions.node };
    const installed = installation();
    const { how, folder, container } = installed;
    process.stdout.write(
      args.json
        ? jsonText({ ...versions, installed })
        : [
            `mcp-host ${VERSION} (plugin API ${API_VERSION}, MCP ${LATEST_VERSION}, Node.js ${process.versions.node})`,
            `installed ${INSTALLED[how]}${container ? ", in a container" : ""}: ${folder}\n`,
          ].join("\n"),
    );
    return EXIT.ok.code;
  },
});
