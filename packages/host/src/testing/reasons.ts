import { ERROR_ORIGIN } from "../errors.ts";
import { placeOf } from "../log.ts";
import { REPEATED } from "../plugin/failures.ts";
import { PLUGIN_FAILED } from "../plugin/tap-guard.ts";
import { isObject } from "../wire/message.ts";
import type { JsonRpcError } from "./json-rpc-end.ts";

/** A line of the log. */
export interface TestLogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/**
 * Why a plugin failed, as the log has it: a client is told that it did and no more, but whoever reads a failed test is its author.
 * @returns undefined for an error that no plugin's failure led to
 */
export function reasonOf({ data }: JsonRpcError, log: readonly TestLogLine[]): string | undefined {
  if (!isObject(data) || data.origin !== ERROR_ORIGIN) return undefined;
  const failures = log.filter(({ message }) => message === PLUGIN_FAILED || message === REPEATED);
  const own = failures.filter(({ requestId }) => requestId === data.requestId);
  // A tap that is given no request is told of without one.
  const anonymous = data.type === "plugin_failure" ? failures.filter((line) => line.plugin === data.plugin && !("requestId" in line)) : [];
  const line = own.at(-1) ?? anonymous.at(-1);
  return line && wordsOf(line, line.plugin === data.plugin);
}

/** @param isNamed whether the error itself names the plugin */
function wordsOf({ plugin, hook, error, stack, tapped }: TestLogLine, isNamed: boolean): string {
  const [frame] = Array.isArray(stack) ? (stack as string[]) : []; // as failureFields has them
  const place = frame === undefined ? tapped : placeOf(frame);
  const where = [
    ...(isNamed ? [] : [`plugin "${String(plugin)}"`]),
    ...(hook === undefined ? [] : [`hooks.${String(hook)}`]),
    ...(typeof place === "string" ? [`at ${place}`] : []),
  ];
  return `${String(error)}${where.length === 0 ? "" : ` (${where.join(", ")})`}`;
}
