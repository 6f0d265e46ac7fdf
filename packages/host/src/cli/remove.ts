import { defineCommand } from "citty";
import type { ExitCode } from "./command-line/exit.ts";
import { serverArgs } from "./servers/server-options.ts";

export default defineCommand({
  meta: { name: "remove", description: "Take a server out of the config" },
  args: serverArgs,
  async run({ args }): Promise<ExitCode> {
    const { locateConfig, located } = await import("../config/locate.ts");
    const { editServer, serverIn, serversIn } = await import("../config/servers.ts");
    const { takenOn } = await import("./servers/taken-on.ts");
    const path = await locateConfig(args.config);
    const { bundleLeft } = await import("./bundles/bundle-folder.ts");
    const { backup, notes } = await located(path, async () => {
      const file = await serversIn(path);
      const left = bundleLeft(serverIn(file, args.name));
      return { ...(await editServer(file, args.name, [{ path: [], value: undefined }])), notes: left };
    });
    const did = `server "${args.name}" is taken out of ${path}`;
    return takenOn({ path, server: args.name, did, written: true, backup, notes }, args.json);
  },
});
