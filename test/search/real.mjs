// A host in front of all real servers, each in a folder of its own and without network.

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHost, createLogger } from "mcp-host";
import { evict, manifestOf, prepare } from "../zoo/place.mjs";
import { SEARCHED } from "./servers.mjs";

const START_MS = 60_000;

/** By key: package and version. */
export const VERSIONS = Object.fromEntries(
  Object.entries(SEARCHED).map(([key, { server }]) => [key, `${server}@${manifestOf(server).version}`]),
);

/** Starts them all, and gives the host when each has told what it has. @throws Error that names those that did not start */
export async function realServers(plugins) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "mcp-host-search-")));
  const leave = () => {
    evict(folder);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", leave);
  const mcpServers = Object.fromEntries(
    Object.entries(SEARCHED).map(([key, { server, ...given }]) => [
      key,
      { ...prepare(server, given, join(folder, key)).child, startTimeout: START_MS },
    ]),
  );
  const host = createHost(
    { mcpServers, plugins, wait: 2 * START_MS },
    { folder: import.meta.dirname, log: createLogger({ level: "silent" }) },
  );
  await host.start();
  await host.known(2 * START_MS);
  // Degraded is one whose lists are not whole; all of them list their tools.
  const failed = host.status().upstreams.filter(({ state }) => state !== "ready" && state !== "degraded");
  const close = async () => {
    await host.close();
    leave();
  };
  if (failed.length === 0) return { host, close };
  await close();
  throw new Error(failed.map(({ key, state, reason }) => `${key} is ${state}: ${reason}`).join("\n"));
}
