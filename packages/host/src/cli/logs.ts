import { once } from "node:events";
import { defineCommand } from "citty";
import { escapeControls, type LogLevel, type LogRecord, prettyLine } from "../log.ts";
import { choiceArgs, choiceOf } from "../operator/host-choice.ts";
import type { LogQuery } from "../operator/log-query.ts";
import { UsageError } from "../operator/usage-error.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { interruption } from "./command-line/interrupted.ts";
import { checkServer } from "./command-line/known-server.ts";
import { painter, type Style } from "./terminal/colours.ts";

const STYLES: Partial<Record<LogRecord["level"], Style>> = { error: "red", warn: "yellow", debug: "dim" };

export default defineCommand({
  meta: { name: "logs", description: "Show the log of a running host, and follow it" },
  args: {
    level: { type: "enum", options: ["error", "warn", "info", "debug"], description: "This level and what is worse. Default: info" },
    server: { type: "string", valueHint: "name", description: "Only lines about this server" },
    tool: { type: "string", valueHint: "name", description: "Only lines about calls of this tool (or prompt, or resource)" },
    id: { type: "string", valueHint: "request", description: "Only lines about the request with this correlation id" },
    since: { type: "string", valueHint: "time", description: "Not before: a duration ago (5m) or a time (2030-01-31T10:00:00Z)" },
    lines: { type: "string", valueHint: "number", description: "How many of the lines that the host has kept. Default: 100" },
    follow: {
      type: "boolean",
      default: true,
      description: "Go on until the host ends, or Ctrl-C",
      negativeDescription: "Print what there is and end",
    },
    json: { type: "boolean", description: "Print each line as JSON" },
    ...choiceArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { findHost } = await import("../operator/control-client.ts");
    const { controlAddress } = await import("../operator/control-socket.ts");
    const { readLogs } = await import("../operator/log-client.ts");
    const query: LogQuery = {
      level: (args.level ?? "info") as LogLevel, // one of its options, or the command would not run
      ...(args.server !== undefined && { server: args.server }),
      ...(args.tool !== undefined && { tool: args.tool }),
      ...(args.id !== undefined && { id: args.id }),
      ...(args.since !== undefined && { since: await timeOf(args.since) }),
      lines: linesOf(args.lines),
      follow: args.follow,
    };
    const host = await findHost(choiceOf(args));
    checkServer(args.server, host);
    const { pid } = host;
    const interrupted = interruption();
    const end = new AbortController();
    const gone = (): void => end.abort();
    process.stdout.once("error", gone); // nobody reads any more
    interrupted.promise.catch(gone);
    try {
      await Promise.race([interrupted.promise, show(readLogs(controlAddress(pid), query, end.signal), args.json === true, end.signal)]);
      if (query.follow && !end.signal.aborted) process.stderr.write(`mcp-host: the host with pid ${pid} has ended\n`);
    } finally {
      end.abort();
      interrupted.stop();
    }
    return EXIT.ok.code;
  },
});

/** Waits for its reader, so that the host learns who is slow. */
async function show(records: AsyncIterable<LogRecord>, json: boolean, signal: AbortSignal): Promise<void> {
  const paint = painter(process.stdout);
  for await (const record of records) {
    const line = json ? `${JSON.stringify(record)}\n` : escapeControls(prettyLine(record));
    const style = json ? undefined : STYLES[record.level];
    if (!process.stdout.write(style ? paint(style, line) : line)) await once(process.stdout, "drain", { signal }).catch(() => {}); // gone, or stopped
  }
}

async function timeOf(text: string): Promise<number> {
  const { duration } = await import("../config/units.ts");
  const ago = duration.safeParse(text);
  const time = ago.success ? Date.now() - ago.data : Date.parse(text);
  if (Number.isNaN(time))
    throw new UsageError(`--since: "${text}" is neither a duration such as 5m nor a time such as 2030-01-31T10:00:00Z`);
  return time;
}

function linesOf(text = "100"): number {
  if (!/^\d{1,6}$/.test(text)) throw new UsageError(`--lines: "${text}" is not a number of lines`);
  return Number(text);
}
