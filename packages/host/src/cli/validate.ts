import { defineCommand } from "citty";
import { ConfigFileError } from "../config/load.ts";
import { claimStdout } from "../front/stdio.ts";
import { escapeControls } from "../log.ts";
import { redact, redactText } from "../redact.ts";
import type { UpstreamStatus } from "../status.ts";
import type { FrameOutput } from "../wire/frame-writer.ts";
import { withClient } from "./client.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { openHost, prepare } from "./open.ts";
import { configArgs, jsonArgs, type LogFlags, logArgs, loggerOf } from "./options.ts";
import { counts, isUp } from "./summary.ts";
import { table } from "./table.ts";

interface Flags extends LogFlags {
  config?: string | undefined;
  connect?: boolean | undefined;
  json?: boolean | undefined;
  "insecure-no-auth"?: boolean | undefined;
}

export default defineCommand({
  meta: { name: "validate", description: "Check the config and its plugins" },
  args: {
    connect: { type: "boolean", description: "Connect to each server, too" },
    "insecure-no-auth": { type: "boolean", description: "As in `start`" },
    ...jsonArgs,
    ...configArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const output = claimStdout();
    try {
      return await validate(args, rawArgs, output);
    } catch (error) {
      if (args.json && error instanceof ConfigFileError)
        print(output, { ok: false, config: error.path, problems: error.problems, warnings: [], upstreams: [] });
      throw error;
    }
  },
});

async function validate(flags: Flags, rawArgs: string[], output: FrameOutput): Promise<ExitCode> {
  const log = loggerOf(flags, "warn");
  const opened = await openHost({ config: flags.config, raw: rawArgs, log, insecureNoAuth: flags["insecure-no-auth"] === true });
  const { host, loaded } = opened;
  try {
    await prepare(opened);
  } finally {
    await host.close();
  }
  const upstreams = flags.connect ? await connected(flags, rawArgs) : [];
  const ok = upstreams.every(isUp);
  if (flags.json) {
    print(output, {
      ok,
      config: loaded.path,
      problems: [],
      warnings: loaded.warnings,
      upstreams: upstreams.map((upstream) => ({ ok: isUp(upstream), ...pick(upstream) })),
    });
  } else {
    const { mcpServers, plugins } = host.config;
    const lines = [
      `${loaded.path} is valid: ${counted(Object.keys(mcpServers).length, "server")}, ${counted(plugins.length, "plugin")}`,
      ...(upstreams.length > 0 ? [table(upstreams.map(row))] : []),
    ];
    output.write(`${escapeControls(redactText(lines.join("\n")))}\n`);
  }
  return ok ? EXIT.ok.code : EXIT.failure.code;
}

/** Starts every server, and gives what became of each. */
function connected(flags: Flags, rawArgs: string[]): Promise<UpstreamStatus[]> {
  // What a server that fails has to say is in the answer; the log would say it twice.
  const log = loggerOf(flags, "error");
  return withClient({ config: flags.config, rawArgs, log }, async (client) => {
    await client.started();
    await client.list("tools/list", "tools"); // waits for the lists of who has just started
    return client.host.status().upstreams;
  });
}

function row(upstream: UpstreamStatus): string[] {
  const problems = upstream.connections.flatMap(({ problems }) => problems);
  return isUp(upstream)
    ? [upstream.name, "ok", [counts(upstream), ...problems].join("; ")]
    : [upstream.name, upstream.state, upstream.reason ?? ""];
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function print(output: FrameOutput, value: unknown): void {
  output.write(`${JSON.stringify(redact(value), undefined, 2)}\n`);
}

function pick({ name, state, reason, entries }: UpstreamStatus): Pick<UpstreamStatus, "name" | "state" | "reason" | "entries"> {
  return { name, state, reason, entries };
}
