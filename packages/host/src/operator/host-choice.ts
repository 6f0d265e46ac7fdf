import type { HostChoice } from "./control-client.ts";
import { UsageError } from "./usage-error.ts";

/** The flags that say which running host is meant, as citty has them. */
export const choiceArgs = {
  config: { type: "string", valueHint: "file", description: "The host that was started with this config" },
  pid: { type: "string", valueHint: "number", description: "The host with this process id" },
} as const;

/** The flag that asks for JSON. */
export const jsonArgs = { json: { type: "boolean", description: "Print JSON" } } as const;

/** The values of {@link choiceArgs} and {@link jsonArgs}. */
export interface ChoiceFlags {
  readonly config?: string | undefined;
  readonly pid?: string | undefined;
  readonly json?: boolean | undefined;
}

/** The choice that the values of {@link choiceArgs} make. @throws UsageError where `pid` is none */
export function choiceOf({ config, pid }: Omit<ChoiceFlags, "json">): HostChoice {
  if (pid !== undefined && !/^\d+$/.test(pid)) throw new UsageError(`--pid: "${pid}" is not a process id`);
  return { pid: pid === undefined ? undefined : Number(pid), config };
}
