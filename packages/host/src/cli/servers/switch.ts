import { switchEdits } from "../../config/foreign.ts";
import { locateConfig, located } from "../../config/locate.ts";
import { editServer, serverIn, serversIn } from "../../config/servers.ts";
import type { ExitCode } from "../command-line/exit.ts";
import { takenOn } from "./taken-on.ts";

/** Switches a server of the config on or off, by whichever of the two keys its entry has. */
export async function switchServer(
  name: string,
  on: boolean,
  { config, json }: { config?: string | undefined; json?: boolean | undefined },
): Promise<ExitCode> {
  const path = await locateConfig(config);
  const done = await located(path, async () => {
    const file = await serversIn(path);
    const edits = switchEdits(serverIn(file, name), on);
    return edits.length > 0 ? editServer(file, name, edits) : undefined;
  });
  const state = on ? "enabled" : "disabled";
  const did = `server "${name}" is ${state} in ${path}${done ? "" : " already"}`;
  return takenOn({ path, server: name, did, written: done !== undefined, backup: done?.backup }, json);
}
