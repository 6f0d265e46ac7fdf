import { defineCommand } from "citty";
import { ConfigFileError } from "../config/load.ts";
import { parseConfig } from "../config/parse.ts";
import { claimStdout } from "../front/stdio.ts";
import { createLogger, escapeControls } from "../log.ts";
import { withClient } from "./client.ts";
import { adviceOf, pluginsOf, problemsOf } from "./doctor/config.ts";
import { type Finding, finding } from "./doctor/findings.ts";
import { lookAtCredentials, lookAtHosts, lookAtNode } from "./doctor/machine.ts";
import { lookAtCommands, lookAtPort, startsOf } from "./doctor/servers.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonText } from "./json-text.ts";
import { type Opened, openHost, prepare } from "./open-host.ts";
import { configArgs, jsonArgs } from "./options.ts";
import { painter, type Style } from "./terminal.ts";

interface Flags {
  config?: string | undefined;
  connect: boolean;
  offline?: boolean | undefined;
  "insecure-no-auth"?: boolean | undefined;
}

export default defineCommand({
  meta: { name: "doctor", description: "Look for what is wrong: Node.js, config, plugins, commands, port, servers, running hosts" },
  args: {
    connect: {
      type: "boolean",
      default: true,
      description: "Start each server and connect to it",
      negativeDescription: "Start no server",
    },
    offline: { type: "boolean", description: "The same as --no-connect" },
    "insecure-no-auth": { type: "boolean", description: "As in `start`" },
    ...jsonArgs,
    ...configArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const output = claimStdout();
    const findings = await examine(args, rawArgs);
    const ok = findings.every(({ level }) => level !== "problem");
    output.write(args.json ? jsonText({ ok, findings }) : `${described(findings)}\n`);
    return ok ? EXIT.ok.code : EXIT.failure.code;
  },
});

async function examine(flags: Flags, rawArgs: string[]): Promise<Finding[]> {
  const { findings, hosts } = await lookAtHosts();
  findings.unshift(lookAtNode(), lookAtCredentials());
  // What the log would say is among the findings.
  const log = createLogger({ level: "silent" });
  let opened: Opened | undefined;
  try {
    opened = await openHost({ config: flags.config, raw: rawArgs, log, insecureNoAuth: flags["insecure-no-auth"] === true });
    const { path, folder, warnings } = opened.loaded;
    const { config } = opened.host;
    findings.push(finding("config", path), ...adviceOf(path, warnings));
    const isPrepared = await plugins(opened, findings);
    const commands = lookAtCommands(config.mcpServers, folder);
    const listen = config.listen ?? parseConfig({ listen: {} }).listen;
    findings.push(...commands, ...(listen ? [await lookAtPort(listen, config.listen !== undefined, path, hosts)] : []));
    if (!flags.connect || flags.offline) return findings;
    if (!isPrepared) return [...findings, finding("server-unchecked", "no server was started")];
    const starts = await withClient({ config: flags.config, rawArgs, log }, (client) => client.started());
    const broken = commands.filter(({ level }) => level === "problem").map(({ about }) => about);
    return [...findings, ...startsOf(starts, new Set(broken))];
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
    return true;
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    findings.push(...problemsOf(error));
    return false;
  }
}

const STYLES: Record<Finding["level"], Style> = { ok: "green", warning: "yellow", problem: "red" };

function described(findings: readonly Finding[]): string {
  const paint = painter(process.stdout);
  const width = Math.max(...findings.map(({ id }) => id.length));
  const lines = findings.map(({ id, level, about, found, remedy }) => {
    const [first = "", ...rest] = escapeControls(found).split("\n");
    const head = `${paint(STYLES[level], level.padEnd(7))}  ${id.padEnd(width)}  ${about === undefined ? "" : `${escapeControls(about)}: `}${first}`;
    const indent = " ".repeat(width + 11);
    return [
      head,
      ...rest.map((line) => `${indent}${line}`),
      ...(remedy === undefined ? [] : [`${indent}→ ${escapeControls(remedy)}`]),
    ].join("\n");
  });
  const counted = (level: Finding["level"]): string => {
    const count = findings.filter((each) => each.level === level).length;
    return `${count} ${level}${count === 1 ? "" : "s"}`;
  };
  return [...lines, "", `${counted("problem")}, ${counted("warning")}; docs/troubleshooting.md explains each`].join("\n");
}
