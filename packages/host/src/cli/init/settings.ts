import type { Json } from "../../wire/message.ts";
import type { Client } from "../clients/clients.ts";
import type { Rule } from "./rules.ts";

/** Milliseconds after which the host ends a call, whatever its `timeout`, unless it is told otherwise. */
const LONGEST_CALL = 600_000;

/** What a client says of a server's times and tools, as settings of the host. */
export interface Said {
  readonly settings: Json;
  /** The keys of the entry that say it. */
  readonly read: readonly string[];
}

export function settingsOf(entry: Json, { words = {} }: Client, rule: Rule): Said {
  const start = milliseconds(entry, words.startTimeout);
  const call = milliseconds(entry, words.timeout);
  const include = tools(entry, words.include) ?? rule.include;
  const exclude = [...(tools(entry, words.exclude) ?? []), ...(rule.exclude ?? [])];
  return {
    settings: {
      ...(start !== undefined && { startTimeout: duration(start) }),
      ...callTimes(call),
      ...((include || exclude.length > 0) && { tools: { ...(include && { include }), ...(exclude.length > 0 && { exclude }) } }),
    },
    read: [words.startTimeout?.[0], words.timeout?.[0], words.include, words.exclude].filter((key) => key !== undefined),
  };
}

function milliseconds(entry: Json, word: readonly [key: string, unit: number] | undefined): number | undefined {
  if (!word) return undefined;
  const [key, unit] = word;
  const value = entry[key];
  return typeof value === "number" && value > 0 ? Math.round(value * unit) : undefined;
}

/** How long a call may take, as settings of the host. */
export function callTimes(milliseconds: number | undefined): Json {
  if (milliseconds === undefined || milliseconds <= 0) return {};
  return { timeout: duration(milliseconds), ...(milliseconds > LONGEST_CALL && { maxTimeout: duration(milliseconds) }) };
}

/** As a config writes it. */
export function duration(milliseconds: number): string {
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}

/** Names of tools; Gemini CLI may have their arguments in parentheses behind them. */
function tools(entry: Json, key: string | undefined): string[] | undefined {
  const names = key === undefined ? undefined : entry[key];
  return Array.isArray(names) ? names.map((name) => String(name).replace(/\(.*$/s, "")).filter((name) => name !== "") : undefined;
}
