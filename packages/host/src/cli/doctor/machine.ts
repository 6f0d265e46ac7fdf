import { existsSync, readFileSync } from "node:fs";
import satisfies from "semver/functions/satisfies.js";
import type { Environment } from "../../config/env-files.ts";
import { credentialsPath, Variables } from "../../config/variables.ts";
import { askStatus } from "../../operator/control-client.ts";
import type { ControlStatus } from "../../operator/control-protocol.ts";
import { removeStaleSockets, runningHosts } from "../../operator/control-socket.ts";
import { type Finding, finding, told } from "./findings.ts";

/** Which Node.js the host runs on. */
export function lookAtNode(version: string = process.versions.node): Finding {
  const { engines } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as { engines: { node: string } };
  return satisfies(version, engines.node, { includePrerelease: true })
    ? finding("node", `Node.js ${version}`)
    : finding("node-old", `Node.js ${version}; the host needs ${engines.node}`);
}

/** The hosts of this user that run, and what dead ones left. */
export async function lookAtHosts(): Promise<{ findings: Finding[]; hosts: ControlStatus[] }> {
  try {
    const findings = removeStaleSockets().map((path) => finding("socket-stale", `${path} was left by a host that is gone`));
    const hosts: ControlStatus[] = [];
    for (const pid of runningHosts()) {
      try {
        const host = await askStatus(pid);
        hosts.push(host);
        findings.push(finding("host-running", `${host.url ?? "over stdio"}, with ${host.config}`, { about: `pid ${pid}` }));
      } catch (error) {
        findings.push(finding("host-silent", (error as Error).message, { about: `pid ${pid}` })); // askStatus throws Errors
      }
    }
    return { findings, hosts };
  } catch (error) {
    return { findings: [told("socket-folder", (error as Error).message)], hosts: [] }; // fs and the folder's check throw Errors
  }
}

/** Whether the credentials file can be used. Its values are not told. */
export function lookAtCredentials(env: Environment = process.env): Finding {
  const path = credentialsPath(env);
  try {
    // Whoever looks for a variable reads the file; which one does not matter.
    new Variables(new Map(), env, process.cwd()).find({ kind: "variable", name: "MCP_HOST" });
    return finding("credentials", existsSync(path) ? `${path} can be used` : `there is no ${path}, and none is needed`);
  } catch (error) {
    const { message } = error as Error; // find throws Errors in words for the operator
    return told(message.includes("chmod") ? "permissions" : "credentials-invalid", message);
  }
}
