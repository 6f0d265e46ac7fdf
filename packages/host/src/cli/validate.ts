import { defineCommand } from "citty";
import { ConfigFileError } from "../errors.ts";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { redact, redactText } from "../redact.ts";
import { counted } from "../wire/counted.ts";
import type { FrameOutput } from "../wire/frame-writer.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { type LogFlags, loggerOf } from "./command-line/logger.ts";
import { configArgs, logArgs } from "./command-line/options.ts";
import type { ServerStart } from "./one-shot/startup.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";
import { tableRows } from "./terminal/table.ts";
import { described, lastWords } from "./terminal/upstream-summary.ts";
import { columns } from "./terminal/wrap.ts";

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
  const { openHost, prepare } = await import("./hosting/open-host.ts");
  const log = loggerOf(flags, "warn");
  const opened = await openHost({ config: flags.config, raw: rawArgs, log, insecureNoAuth: flags["insecure-no-auth"] === true });
  const { host, loaded } = opened;
  try {
    await prepare(opened);
  } finally {
    await host.close();
  }
  const { upstreams } = host.status();
  const starts = flags.connect
    ? await connected(flags, rawArgs)
    : upstreams.filter(({ state }) => state === "unconfigured").map((upstream) => ({ ok: false, upstream }));
  const ok = starts.every((start) => start.ok);
  const { bothEras } = await import("./one-shot/both-eras.ts");
  const both = flags.connect ? await bothEras(starts, host.config, loaded.folder, rawArgs) : new Set<string>();
  if (flags.json) {
    print(output, {
      ok,
      config: loaded.path,
      problems: loaded.unset,
      warnings: loaded.warnings,
      upstreams: starts.map((start) => outcome(start, both)),
    });
  } else {
    const { mcpServers, plugins } = host.config;
    const servers = counted(Object.keys(mcpServers).length, "server");
    const lacking = starts.filter(({ upstream }) => upstream.state === "unconfigured").length;
    const lines = [
      lacking === 0
        ? `${loaded.path} is valid: ${servers}, ${counted(plugins.length, "plugin")}`
        : `${loaded.path} is not complete: ${servers}, ${lacking} of them unconfigured, ${counted(plugins.length, "plugin")}`,
      ...(starts.length > 0 ? [rows(starts, both)] : []),
    ];
    output.write(`${escapeControls(redactText(lines.join("\n")))}\n`);
  }
  // Whatever runs without them, a config that lacks values is not what it says.
  if (loaded.unset.length > 0) return EXIT.config.code;
  return ok ? EXIT.ok.code : EXIT.failure.code;
}

/** Starts every server, and gives what became of each. */
async function connected(flags: Flags, rawArgs: string[]): Promise<readonly ServerStart[]> {
  const { withClient } = await import("./one-shot/local-client.ts");
  // What a server that fails has to say is in the answer; the log would say it twice.
  const log = loggerOf(flags, "error");
  return withClient({ config: flags.config, rawArgs, log }, (client) => client.started());
}

/** What is worth doing where a server speaks both eras, and why. */
const BOTH_ERAS =
  'speaks MCP 2026-07-28, too: with "protocol": "modern" it tells with each question whose call it belongs to, and so can ask every client that shares it';

/** A line for each server; what one that is down said last follows its line. */
function rows(starts: readonly ServerStart[], both: ReadonlySet<string>): string {
  const lines = tableRows(
    starts.map((start) => row(start, both)),
    columns(),
  );
  return starts.flatMap(({ ok, upstream }, index) => [lines[index] ?? "", ...(ok ? [] : lastWords(upstream))]).join("\n");
}

function row({ ok, upstream }: ServerStart, both: ReadonlySet<string>): string[] {
  const problems = upstream.connections.flatMap(({ problems }) => problems);
  const more = both.has(upstream.name) ? [BOTH_ERAS] : [];
  return ok
    ? [upstream.name, "ok", [described(upstream), ...problems, ...more].join("; ")]
    : [upstream.name, upstream.state, (upstream.reason ?? "").replaceAll("\n", " ")];
}

function print(output: FrameOutput, value: unknown): void {
  output.write(jsonText(redact(value)));
}

function outcome({ ok, upstream }: ServerStart, both: ReadonlySet<string>): Record<string, unknown> {
  const { name, state, reason, protocolVersion, era, entries } = upstream;
  const stderr = ok ? [] : lastWords(upstream).map((line) => line.trim());
  return {
    name,
    ok,
    state,
    reason,
    protocolVersion,
    era,
    ...(ok && { speaksBoth: both.has(name) }),
    entries,
    ...(stderr.length > 0 && { stderr: stderr.join("\n") }),
  };
}
