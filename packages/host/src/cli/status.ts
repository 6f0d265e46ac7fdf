import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import type { ControlStatus } from "../operator/control-protocol.ts";
import { choiceArgs, choiceOf, jsonArgs } from "../operator/host-choice.ts";
import type { UpstreamStatus } from "../plugin/host-status.ts";
import { counted } from "../wire/counted.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { typedCommand } from "./command-line/typed-command.ts";
import { endpointTable } from "./terminal/endpoint-table.ts";
import { jsonText } from "./terminal/json-text.ts";
import { reportLines } from "./terminal/plugin-reports.ts";
import { table } from "./terminal/table.ts";
import { lastWords, summaryOf } from "./terminal/upstream-summary.ts";
import { columns } from "./terminal/wrap.ts";

export default defineCommand({
  meta: { name: "status", description: "Show a running host: its servers, its tools, what is withheld" },
  args: {
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { findHosts, nearHosts } = await import("../operator/control-client.ts");
    const choice = choiceOf(args);
    const hosts = nearHosts(await findHosts(choice), choice);
    const [status] = hosts;
    if (!status || hosts.length > 1) {
      if (args.json) process.stdout.write(jsonText({ hosts: hosts.map(identity) }));
      const which = args.pid === undefined && args.config === undefined ? "" : " with this --config or --pid";
      process.stderr.write(
        status
          ? `mcp-host: several hosts are running; choose one with --pid or --config\n${choices(hosts)}\n`
          : `mcp-host: no host of this user is running${which}; start one with \`${typedCommand()} start\`\n`,
      );
      return EXIT.notRunning.code;
    }
    process.stdout.write(args.json ? jsonText(status) : `${escapeControls(describe(status))}\n`);
    return status.ready ? EXIT.ok.code : EXIT.failure.code;
  },
});

function identity({ pid, mode, url, config }: ControlStatus): Pick<ControlStatus, "pid" | "mode" | "url" | "config"> {
  return { pid, mode, url, config };
}

function choices(hosts: readonly ControlStatus[]): string {
  return escapeControls(table(hosts.map(({ pid, mode, url, config }) => [`  --pid ${pid}`, url ?? mode, config])));
}

function describe(status: ControlStatus): string {
  const { upstreams, tools, withheld, endpoints, reports, clients } = status;
  const width = columns();
  const shown = (rows: readonly (readonly string[])[]): string => table(rows, width);
  const titled = (title: string, rows: readonly (readonly string[])[]): string => `${title}\n${shown(indented(rows))}`;
  const parts = [
    [
      `mcp-host ${status.version}, pid ${status.pid}, up ${duration(status.uptime)}, ${status.url ?? "over stdio"}`,
      `config ${status.config}`,
      ...(status.daemon ? [`daemon, logs to ${status.daemon.logFile}`] : []),
      traffic(status),
      readinessOf(status),
    ].join("\n"),
    shown([["SERVER", "STATE", "LATENCY", "RESTARTS", "MCP", "OFFERS"], ...upstreams.map(upstreamRow)]),
  ];
  const missing = upstreams.flatMap(({ name, incomplete }) =>
    Object.values(incomplete).map((reason) => [name, reason.replaceAll("\n", " ")]),
  );
  if (missing.length > 0) parts.push(titled("Lists that are not complete:", missing));
  const waiting = upstreams.filter((upstream) => upstream.waiting > 0);
  if (waiting.length > 0)
    parts.push(
      titled(
        "Calls that wait for their turn:",
        waiting.map((upstream) => [upstream.name, String(upstream.waiting)]),
      ),
    );
  for (const upstream of upstreams) {
    const words = lastWords(upstream);
    if (words.length > 0) parts.push([`Last words of ${upstream.name}:`, ...words].join("\n"));
  }
  if (upstreams.length > 0)
    parts.push(
      titled(
        "What servers may ask and tell clients:",
        upstreams.map(({ name, relays }) => [name, relays]),
      ),
    );
  if (tools.length > 0)
    parts.push(shown([["TOOL", "SERVER", "ITS NAME THERE"], ...tools.map((tool) => [tool.name, tool.upstream, tool.native])]));
  if (withheld.length > 0)
    parts.push(
      titled(
        "Withheld:",
        withheld.map(({ kind, name, upstream, reason }) => [`${kind} ${name}`, `of ${upstream}`, reason]),
      ),
    );
  if (clients.length > 0) parts.push(shown([["CLIENT", "MCP", "PRINCIPAL", "SINCE", "ENDPOINT"], ...clients.map(clientRow)]));
  parts.push(...endpointTable(endpoints));
  if (Object.keys(reports).length > 0) parts.push(`What plugins say:\n${reportLines(reports, width)}`);
  return parts.join("\n\n");
}

/** Who there is, and what is under way. A host of before knows no callers. */
function traffic({ sessions, callers = 0, inFlight, parked = 0 }: ControlStatus): string {
  return [
    counted(sessions, "session"),
    ...(callers > 0 ? [`${counted(callers, "caller")} of MCP 2026-07-28`] : []),
    `${counted(inFlight, "request")} in flight`,
    ...(parked > 0 ? [`${counted(parked, "call")} parked until ${parked === 1 ? "its client answers" : "their clients answer"}`] : []),
  ].join(", ");
}

function indented(rows: readonly (readonly string[])[]): string[][] {
  return rows.map(([first = "", ...rest]) => [`  ${first}`, ...rest]);
}

function upstreamRow(upstream: UpstreamStatus): string[] {
  const { name, state, protocolVersion = "", required, connections, restarts } = upstream;
  const latency = connections.find((connection) => connection.latency !== undefined)?.latency;
  return [
    required ? `${name} (required)` : name,
    state,
    latency === undefined ? "" : `${latency} ms`,
    String(restarts),
    protocolVersion,
    summaryOf(upstream).replaceAll("\n", " "),
  ];
}

function clientRow({ name, version, protocolVersion = "", principal, since, endpoint = "" }: ControlStatus["clients"][number]): string[] {
  return [
    name === "" ? "(no name)" : `${name} ${version}`.trimEnd(),
    protocolVersion,
    principal,
    `${new Date(since).toISOString().slice(0, 19)}Z`,
    endpoint,
  ];
}

function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function readinessOf({ ready, down, draining }: ControlStatus): string {
  if (ready) return "ready";
  const why = [
    ...(down.length > 0 ? [`${down.join(", ")} ${down.length === 1 ? "is" : "are"} required and down`] : []),
    ...(draining ? ["it drains, until `mcp-host drain --end`"] : []),
  ];
  return `NOT READY: ${why.join("; ")}`;
}
