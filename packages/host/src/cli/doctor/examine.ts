import { parseConfig } from "../../config/parse.ts";
import { ConfigFileError } from "../../errors.ts";
import { createLogger } from "../../log.ts";
import { loadPlugins } from "../../plugin/load.ts";
import { type Opened, openHost, prepare } from "../hosting/open-host.ts";
import { roleless } from "../hosting/roleless.ts";
import { bothEras } from "../one-shot/both-eras.ts";
import { withClient } from "../one-shot/local-client.ts";
import { adviceOf, examinedBy, pluginsOf, problemsOf } from "./config.ts";
import { type Finding, finding } from "./findings.ts";
import { lookAtCredentials, lookAtHosts, lookAtNode } from "./machine.ts";
import { lookAtCommands, lookAtPort, startsOf } from "./servers.ts";

/** The flags of `doctor`. */
export interface DoctorFlags {
  config?: string | undefined;
  connect: boolean;
  offline?: boolean | undefined;
  "insecure-no-auth"?: boolean | undefined;
}

/** Looks at everything that can be wrong with the host of this config, and with those that run. */
export async function examine(flags: DoctorFlags, rawArgs: string[]): Promise<Finding[]> {
  const { findings, hosts } = await lookAtHosts();
  findings.unshift(lookAtNode(), lookAtCredentials());
  // What the log would say is among the findings.
  const log = createLogger({ level: "silent" });
  let opened: Opened | undefined;
  try {
    opened = await openHost({ config: flags.config, raw: rawArgs, log, insecureNoAuth: flags["insecure-no-auth"] === true });
    const { path, folder, warnings, unset } = opened.loaded;
    const { config } = opened.host;
    findings.push(finding("config", path), ...adviceOf(path, warnings), ...problemsOf({ path, problems: unset }));
    const isPrepared = await plugins(opened, findings);
    const commands = lookAtCommands(config.mcpServers, folder);
    const listen = config.listen ?? parseConfig({ listen: {} }).listen;
    findings.push(...commands, ...(listen ? [await lookAtPort(listen, config.listen !== undefined, path, hosts)] : []));
    if (!flags.connect || flags.offline) return findings;
    if (!isPrepared) return [...findings, finding("server-unchecked", "no server was started")];
    const starts = await withClient({ config: flags.config, rawArgs, log }, (client) => client.started());
    const broken = commands.filter(({ level }) => level === "problem").map(({ about }) => about);
    const tried = starts.filter(({ upstream }) => upstream.state !== "unconfigured");
    const both = await bothEras(tried, config, folder, rawArgs);
    return [...findings, ...startsOf(tried, config.mcpServers, new Set(broken), both)];
  } catch (error) {
    if (error instanceof ConfigFileError) return [...findings, ...problemsOf(error)];
    throw error;
  } finally {
    await opened?.host.close();
  }
}

/** Loads the plugins; gives whether all of them can be used. */
async function plugins(opened: Opened, findings: Finding[]): Promise<boolean> {
  try {
    await prepare(opened);
    findings.push(...pluginsOf(opened.host));
    const { folder } = opened.loaded;
    findings.push(...(await examinedBy(await loadPlugins(opened.host.config.plugins, folder), folder)));
    const note = roleless(opened.host);
    if (note !== undefined) findings.push(finding("local-roles", note));
    return true;
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    findings.push(...problemsOf(error));
    return false;
  }
}
