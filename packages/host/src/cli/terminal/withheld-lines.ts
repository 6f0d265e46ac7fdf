import type { HostStatus } from "../../plugin/host-status.ts";

/** Names of one line. */
const NAMES = 10;

/** What the host does not offer though a server lists it: a line for each server and reason. @param kinds of entries; default: all */
export function withheldLines(withheld: HostStatus["withheld"], kinds?: readonly string[]): string[] {
  const groups = new Map<string, { upstream: string; reason: string; names: string[] }>();
  for (const { kind, name, upstream, reason } of withheld) {
    if (kinds && !kinds.includes(kind)) continue;
    const key = JSON.stringify([upstream, reason]);
    const group = groups.get(key) ?? { upstream, reason, names: [] };
    groups.set(key, group);
    group.names.push(name);
  }
  return [...groups.values()].map(({ upstream, reason, names }) => {
    const more = names.length > NAMES ? ` and ${names.length - NAMES} more` : "";
    return `mcp-host: of server "${upstream}" is withheld ${names.slice(0, NAMES).join(", ")}${more}: ${reason}`;
  });
}
