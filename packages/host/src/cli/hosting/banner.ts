import type { Host } from "../../host/host.ts";
import { escapeControls } from "../../log.ts";
import type { UpstreamStatus } from "../../plugin/host-status.ts";
import { redactText } from "../../redact.ts";
import { counted } from "../../wire/counted.ts";
import { table } from "../terminal/table.ts";
import { summaryOf } from "../terminal/upstream-summary.ts";
import { columns } from "../terminal/wrap.ts";

/** How long the banner waits for servers that are starting still. */
const PATIENCE = 2_000;

/** Tells people what a host serves and how to connect to it. On stderr: standard output belongs to programs. */
export async function printBanner(host: Host): Promise<void> {
  await host.known(PATIENCE);
  process.stderr.write(`\n${banner(host.url ?? "", host.status().upstreams)}\n`);
}

export function banner(url: string, upstreams: readonly UpstreamStatus[]): string {
  const rows = upstreams.map((upstream) => [upstream.name, upstream.state, summaryOf(upstream)]);
  return [
    `mcp-host serves ${counted(upstreams.length, "server")} at ${url}`,
    "",
    ...(rows.length > 0 ? [escapeControls(redactText(indented(table(rows, columns() - 2)))), ""] : []),
    "Connect a client:",
    `  claude mcp add --transport http mcp-host ${url}`,
    "or in the client's config:",
    `  ${JSON.stringify({ mcpServers: { "mcp-host": { url } } })}`,
    "Stop with Ctrl-C.",
    "",
  ].join("\n");
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}
