import { once } from "node:events";
import { defineCommand } from "citty";
import { choiceArgs, choiceOf } from "../operator/host-choice.ts";
import type { TraceRecord } from "../operator/trace-record.ts";
import type { TraceNote } from "../operator/trace-stream.ts";
import { UsageError } from "../operator/usage-error.ts";
import { countedAre } from "../wire/counted.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { interruption } from "./command-line/interrupted.ts";

export default defineCommand({
  meta: { name: "trace", description: "Show what becomes of each request of a running host, stage by stage" },
  args: {
    tool: { type: "string", valueHint: "glob", description: "Only requests for this tool (or prompt, or resource)" },
    caller: { type: "string", valueHint: "glob", description: "Only requests of this principal, by its id" },
    plugin: { type: "string", valueHint: "name", description: "Only requests with which this plugin did something" },
    outcome: {
      type: "string",
      valueHint: "name",
      description: "Only requests that ended so: ok, tool_error, cancelled or an error's type",
    },
    count: { type: "string", valueHint: "number", description: "End after so many requests. Default: when the host ends, or Ctrl-C" },
    json: { type: "boolean", description: "Print each request as a line of JSON" },
    html: {
      type: "string",
      valueHint: "file",
      description: "At the end, write the last 1000 of them to this file as a page for a browser",
    },
    ...choiceArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { findHost } = await import("../operator/control-client.ts");
    const { controlAddress } = await import("../operator/control-socket.ts");
    const { readTrace } = await import("../operator/trace-client.ts");
    const query = await queryOf(args);
    const { pid } = await findHost(choiceOf(args));
    const page = args.html === undefined ? undefined : await openPage(args.html);
    const interrupted = interruption();
    const end = new AbortController();
    const gone = (): void => end.abort();
    process.stdout.once("error", gone); // nobody reads any more
    interrupted.promise.catch(gone);
    let shown = 0;
    try {
      const show = await shower(args.json === true, end.signal);
      const reading = async (): Promise<void> => {
        for await (const line of readTrace(controlAddress(pid), query, end.signal)) {
          if ("note" in line) {
            process.stderr.write(`mcp-host: ${noteText(line, pid)}\n`);
            continue;
          }
          shown++;
          page?.add(line);
          await show(line);
        }
      };
      await Promise.race([interrupted.promise, reading()]);
      if (shown !== query.count && !end.signal.aborted) process.stderr.write(`mcp-host: the host with pid ${pid} has ended\n`);
    } finally {
      end.abort();
      interrupted.stop();
      page?.write();
    }
    return EXIT.ok.code;
  },
});

async function queryOf(args: Record<"tool" | "caller" | "plugin" | "outcome" | "count", string | undefined>) {
  const { parseTraceQuery, outcomeProblem } = await import("../operator/trace-query.ts");
  const { tool, caller, plugin, outcome, count } = args;
  if (count !== undefined && !/^[1-9]\d{0,5}$/.test(count)) throw new UsageError(`--count: "${count}" is not a number of requests`);
  // A host that is older than this command would wait for it.
  const wrong = outcome === undefined ? undefined : outcomeProblem(outcome);
  if (wrong !== undefined) throw new UsageError(`--outcome: ${wrong}`);
  return parseTraceQuery({ tool, caller, plugin, outcome, ...(count !== undefined && { count: Number(count) }) });
}

function noteText({ note, missing }: TraceNote, pid: number): string {
  return note === "tracing"
    ? `tracing the host with pid ${pid}; Ctrl-C ends it`
    : `${countedAre(missing ?? 0, "request")} missing here, since the reader was too slow`;
}

/** What prints a request. It waits for its reader, so that the host learns who is slow. */
async function shower(json: boolean, signal: AbortSignal): Promise<(record: TraceRecord) => Promise<void>> {
  const { traceTree } = await import("./terminal/trace-tree.ts");
  const { escapedJson } = await import("../log.ts");
  return async (record) => {
    const text = json ? `${escapedJson(record)}\n` : traceTree(record, process.stdout);
    if (!process.stdout.write(text)) await once(process.stdout, "drain", { signal }).catch(() => {}); // gone, or stopped
  };
}

/** Requests of a page. */
const KEPT = 1_000;

/** A page that is written at the end. It is begun at once, so that a place where it cannot be is told before anybody waits. @throws UsageError */
async function openPage(path: string): Promise<{ add(record: TraceRecord): void; write(): void }> {
  const { writeFileSync } = await import("node:fs");
  const { tracePage } = await import("./terminal/trace-page.ts");
  const kept: TraceRecord[] = [];
  let dropped = 0;
  // What people ask of tools is for nobody else.
  const write = (): void => {
    try {
      writeFileSync(path, tracePage(kept, dropped), { mode: 0o600 });
    } catch (error) {
      throw new UsageError(`--html: the page cannot be written to ${path}: ${reasonOf(error as NodeJS.ErrnoException)}`); // the file system's
    }
  };
  write();
  return {
    write,
    add(record) {
      kept.push(record);
      if (kept.length <= KEPT) return;
      kept.shift();
      dropped++;
    },
  };
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOENT") return "its folder does not exist";
  if (code === "EISDIR") return "it is a folder; name a file";
  if (code === "EACCES" || code === "EPERM") return "this user may not write it";
  return message;
}
