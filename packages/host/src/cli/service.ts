import { homedir, userInfo } from "node:os";
import { isAbsolute } from "node:path";
import { defineCommand } from "citty";
import { docsPage } from "../config/documentation.ts";
import { ConfigError } from "../errors.ts";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { UsageError } from "../operator/usage-error.ts";
import { redactText } from "../redact.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { BIN } from "./command-line/installed.ts";
import { configArgs } from "./command-line/options.ts";
import { shellPath } from "./command-line/shell-path.ts";
import { shellWord } from "./command-line/shell-word.ts";
import { typedCommand } from "./command-line/typed-command.ts";
import { isInHome } from "./service/hardening.ts";
import { launchdPlist } from "./service/launchd.ts";
import type { Service } from "./service/service-definition.ts";
import { systemdUnit } from "./service/systemd.ts";
import { jsonText } from "./terminal/json-text.ts";

/** They could end a line of a unit and begin another. */
const CONTROLS = /\p{Cc}/u;

export default defineCommand({
  meta: { name: "service", description: "Print a service definition that starts the host with the machine or the user's session" },
  args: {
    manager: {
      type: "positional",
      required: false,
      valueHint: "systemd|launchd",
      description: "What starts it. Default: launchd on macOS, else systemd",
    },
    user: { type: "boolean", description: "A service of this user's session. This is the default" },
    system: { type: "boolean", description: "A service of the machine" },
    harden: {
      type: "boolean",
      description: "With --system, for systemd: take from the service what the host does not need and some servers do. The unit says which",
    },
    config: configArgs.config,
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { locateReadable } = await import("../config/trust.ts");
    const { STOP_GRACE } = await import("../operator/stop-host.ts");
    if (args.user && args.system) throw new UsageError("--user and --system contradict each other; give one of them");
    const manager = args.manager ?? (process.platform === "darwin" ? "launchd" : "systemd");
    if (args.harden && manager === "launchd") throw new UsageError("--harden is for systemd; launchd has nothing of the kind");
    if (args.harden && !args.system)
      throw new UsageError(
        "--harden is for --system: a unit of the user's session has all that such a unit can have; give both, or leave it out",
      );
    const config = await locateReadable(args.config); // the service will name it
    if (CONTROLS.test(config)) throw new UsageError("--config: a service cannot name a file with control characters in its path");
    const warnings: string[] = [];
    const drain = await drainOf(config, warnings);
    const { username, uid } = userInfo();
    const service: Service = {
      node: process.execPath,
      bin: BIN,
      config,
      path: searchPath(),
      home: homedir(),
      stopTimeout: Math.ceil((drain + STOP_GRACE) / 1000),
      scope: args.system ? "system" : "user",
      // A machine's service that root makes gets a user of its own.
      user: uid === 0 ? undefined : username,
      harden: args.harden ?? false,
    };
    warnings.push(...unwise(service));
    const text = manager === "launchd" ? launchdPlist(service) : systemdUnit(service);
    const steps = manager === "launchd" ? launchdSteps(service) : systemdSteps(service);
    if (args.json) {
      const { file, ...commands } = steps;
      const path = file.replace(/^~/, homedir());
      const told = { manager, scope: service.scope, path, text, ...commands, warnings: warnings.map(redactText) };
      process.stdout.write(jsonText(told));
      return EXIT.ok.code;
    }
    process.stdout.write(text);
    const lines = [
      ...warnings.map((warning) => `mcp-host: ${warning}`),
      `Put it into ${steps.file} and enable it:`,
      ...steps.enable.map((command) => `  ${command}`),
      manager === "launchd" ? `Stop it for good: ${steps.disable}` : `Its log: ${steps.log}`,
    ];
    process.stderr.write(`${escapeControls(redactText(lines.join("\n")))}\n`);
    return EXIT.ok.code;
  },
});

/** The config's `drain`. One that cannot be used here and now (a variable that only the service will have) is no obstacle. */
async function drainOf(path: string, warnings: string[]): Promise<number> {
  const { loadConfig } = await import("../config/load.ts");
  const { parseConfig } = await import("../config/parse.ts");
  const { loadOptions } = await import("./command-line/load-options.ts");
  const lacks = (problems: readonly string[]): void =>
    void warnings.push(`the config cannot be used as it is here and now: ${problems.join("; ")}`);
  try {
    const loaded = await loadConfig(path, await loadOptions([], false));
    if (loaded.unset.length > 0) lacks(loaded.unset);
    return parseConfig(loaded.config).drain;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    lacks(error.problems);
    return parseConfig({ mcpServers: {} }).drain; // the default
  }
}

/** Where commands of servers are looked for: as it is here, since services know little more than /usr/bin. */
function searchPath(): string {
  const folders = shellPath().filter((folder) => isAbsolute(folder) && !CONTROLS.test(folder));
  return folders.join(":") || "/usr/local/bin:/usr/bin:/bin";
}

function unwise({ node, bin, config, scope, user, harden }: Service): string[] {
  const warnings: string[] = [];
  if (/[/\\]_npx[/\\]/.test(bin))
    warnings.push(
      `${bin} is in npx's cache, which is emptied at times; ${docsPage("getting-started.md")} says how it is installed to stay; then print the service again`,
    );
  const hidden = [node, bin, config].filter(isInHome);
  if (scope === "system" && user === undefined && hidden.length > 0)
    warnings.push(`the service has a user of its own, who cannot enter a home folder; move ${hidden.join(", ")}`);
  if (harden && user !== undefined)
    warnings.push(
      `the service's home is /var/lib/mcp-host, where it finds neither the credentials file nor what is kept of ${user}; move what it needs there`,
    );
  return warnings;
}

/** Where a definition goes, and the commands for it. */
interface Steps {
  readonly file: string;
  readonly enable: readonly string[];
  /** What shows its log. */
  readonly log?: string;
  /** What stops it for good. */
  readonly disable?: string;
}

function systemdSteps({ scope, config, harden }: Service): Steps {
  const system = scope === "system";
  const file = system ? "/etc/systemd/system/mcp-host.service" : "~/.config/systemd/user/mcp-host.service";
  const sudo = system ? "sudo " : "";
  const ctl = system ? "sudo systemctl" : "systemctl --user";
  return {
    file,
    enable: [
      ...(system ? [] : ["mkdir -p ~/.config/systemd/user"]),
      `${typedCommand()} service systemd --${scope}${harden ? " --harden" : ""} --config ${shellWord(config)} | ${sudo}tee ${file}`,
      `${ctl} daemon-reload`,
      `${ctl} enable --now mcp-host`,
      ...(system ? [] : ["loginctl enable-linger   # so that it starts with the machine and outlives the session"]),
    ],
    log: `${system ? "sudo journalctl" : "journalctl --user"} -u mcp-host -f`,
  };
}

function launchdSteps({ scope, config }: Service): Steps {
  const system = scope === "system";
  const file = `${system ? "/Library/LaunchDaemons" : "~/Library/LaunchAgents"}/mcp-host.plist`;
  const sudo = system ? "sudo " : "";
  const domain = system ? "system" : "gui/$(id -u)";
  return {
    file,
    enable: [
      `${typedCommand()} service launchd --${scope} --config ${shellWord(config)} | ${sudo}tee ${file}`,
      `${sudo}launchctl bootstrap ${domain} ${file}`,
    ],
    disable: `${sudo}launchctl bootout ${domain}/mcp-host`,
  };
}
