import { escapeControls } from "../../log.ts";
import { briefText } from "../../redact.ts";
import { jsonText } from "../terminal/json-text.ts";
import { table } from "../terminal/table.ts";
import { columns } from "../terminal/wrap.ts";
import { clamped } from "./clamped.ts";
import type { Found } from "./search-registry.ts";
import type { RegistryEntry } from "./server-json.ts";

/** What was asked for, and how it is shown. */
export interface Asked {
  readonly words: string;
  readonly limit: number;
  readonly registry: string;
  readonly json: boolean;
}

const LONGEST_DESCRIPTION = 120;

/** Shows what a search has found: a row each, or JSON. What else there is to know goes to standard error. */
export function showFound(found: Found, { words, limit, registry, json }: Asked): void {
  const { entries, more, unreadable } = found;
  const notes = [
    ...(unreadable > 0 ? [`${unreadable === 1 ? "an entry" : `${unreadable} entries`} of ${registry} could not be read`] : []),
    ...(more ? [`there are more than these ${entries.length}; \`--limit\` above ${limit} shows more, and another word fewer`] : []),
  ];
  if (json) {
    process.stdout.write(jsonText({ registry, servers: entries.map(plain), more, notes }));
    return;
  }
  if (entries.length === 0) notes.push(`${registry} has no server whose name holds "${briefText(words, LONGEST_DESCRIPTION)}"`);
  else process.stdout.write(`${table(entries.map(row), columns())}\n`);
  for (const note of notes) process.stderr.write(`mcp-host: ${escapeControls(note)}\n`);
}

function row(entry: RegistryEntry): string[] {
  const { server, status, statusMessage } = entry;
  const why = statusMessage === undefined ? "" : `: ${statusMessage}`;
  const mark = status === "active" ? "" : `[${status}${why}] `;
  const said = clamped(`${mark}${server.description ?? server.title ?? ""}`, LONGEST_DESCRIPTION);
  return [clamped(server.name, 100), clamped(server.version, 40), clamped(waysOf(entry).join(", "), 60), said].map(escapeControls);
}

/** How a server is run, or where it is: the kinds of its packages, and the hosts of its addresses. */
function waysOf({ server }: RegistryEntry): string[] {
  const hosts = (server.remotes ?? []).map(({ type, url = "" }) => (URL.canParse(url) ? new URL(url).host : type));
  const ways = [...(server.packages ?? []).map(({ registryType }) => registryType), ...hosts];
  return ways.length > 0 ? [...new Set(ways)] : ["-"];
}

function plain({ server, status, statusMessage }: RegistryEntry): object {
  const { name, version, title, description, packages = [], remotes = [] } = server;
  return {
    ...{ name, version, title, description, status, statusMessage },
    packages: packages.map(({ registryType, identifier, version, transport }) => ({
      registryType,
      identifier,
      version,
      transport: transport?.type,
    })),
    remotes: remotes.map(({ type, url }) => ({ type, url })),
  };
}
