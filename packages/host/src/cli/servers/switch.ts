import { isOff } from "../../config/foreign.ts";
import { locateConfig, located } from "../../config/locate.ts";
import { isPlainObject } from "../../config/plain.ts";
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
    const server = serverIn(file, name);
    if (isOff(server) !== on) return undefined;
    const keys = ["enabled", "disabled"].filter((key) => isPlainObject(server) && Object.hasOwn(server, key));
    // Both may be there; a key that is there stays where it is, with its comment.
    return editServer(
      file,
      name,
      (keys.length > 0 ? keys : ["disabled"]).map((key) => ({ path: [key], value: (key === "enabled") === on })),
    );
  });
  const state = on ? "enabled" : "disabled";
  const did = `server "${name}" is ${state} in ${path}${done ? "" : " already"}`;
  return takenOn({ path, server: name, did, written: done !== undefined, backup: done?.backup }, json);
}
