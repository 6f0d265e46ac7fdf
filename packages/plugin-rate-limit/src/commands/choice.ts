import type { HostChoice } from "mcp-host";

/** The flags that say which running host is meant, and how it is told. */
export const choice = {
  config: { type: "string", valueHint: "file", description: "The host that was started with this config" },
  pid: { type: "string", valueHint: "number", description: "The host with this process id" },
  json: { type: "boolean", description: "Print JSON" },
} as const;

/** Their values as citty gives them. */
export interface Choice {
  config?: string | undefined;
  pid?: string | undefined;
  json?: boolean | undefined;
}

/** @throws Error where the process id is none */
export function chosen({ config, pid }: Choice): HostChoice {
  if (pid !== undefined && !/^\d+$/.test(pid)) throw new Error(`--pid: "${pid}" is not a process id`);
  return { config, ...(pid !== undefined && { pid: Number(pid) }) };
}
