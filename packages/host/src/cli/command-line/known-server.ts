import { nearest } from "../../config/nearest.ts";
import type { ControlStatus } from "../../operator/control-protocol.ts";
import { UsageError } from "../../operator/usage-error.ts";

/** @throws UsageError for a server that a running host does not have: nothing would ever be told of it */
export function checkServer(name: string | undefined, { pid, upstreams }: ControlStatus): void {
  const names = upstreams.map((upstream) => upstream.name);
  if (name === undefined || names.includes(name)) return;
  const there = names.length === 0 ? "; it has none" : `; it has ${names.join(", ")}`;
  throw new UsageError(`--server: the host with pid ${pid} has no server "${name}"${nearest(name, names) || there}`);
}
