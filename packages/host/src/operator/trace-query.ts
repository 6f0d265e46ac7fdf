import { nearest } from "../config/nearest.ts";
import { ERRORS } from "../errors.ts";
import { glob } from "../exchange/glob.ts";
import type { Json } from "../wire/message.ts";
import type { TraceFacts, TraceNode, TraceRecord } from "./trace-record.ts";

/** Which requests of a running host somebody wants to see. */
export interface TraceQuery {
  /** A glob of exposed names: tools, prompts, resources. */
  readonly tool?: string;
  /** A glob of principals' ids. */
  readonly caller?: string;
  /** A plugin that did something: refused, answered, routed, retried, changed or failed. */
  readonly plugin?: string;
  readonly outcome?: string;
  /** How many; default: until either side ends it. */
  readonly count?: number;
}

/** What a line of JSON asks for. @throws Error that names what is wrong */
export function parseTraceQuery({ tool, caller, plugin, outcome, count }: Json): TraceQuery {
  const texts = Object.entries({ tool, caller, plugin, outcome }).filter(([, value]) => value !== undefined);
  for (const [name, value] of texts) if (typeof value !== "string") throw new Error(`"${name}" is not a text`);
  const wrong = typeof outcome === "string" ? outcomeProblem(outcome) : undefined;
  if (wrong !== undefined) throw new Error(`"outcome": ${wrong}`);
  if (count !== undefined && (typeof count !== "number" || !Number.isInteger(count) || count < 1))
    throw new Error('"count" is not a number of requests');
  return { ...Object.fromEntries(texts), ...(count !== undefined && { count }) };
}

/** What is wrong with an outcome that no request can have, with those that there are. */
export function outcomeProblem(outcome: string): string | undefined {
  const names = ["ok", "tool_error", ...Object.keys(ERRORS)];
  if (names.includes(outcome) || /^error -?\d{1,16}$/.test(outcome)) return undefined;
  return `no request ends as "${outcome}"${nearest(outcome, names)}; there are ${names.join(", ")}, and "error" with the code of a server's own, such as "error -32000"`;
}

/** What is wrong with a plugin that a host does not have, with those that it has. */
export function pluginProblem(plugin: string, plugins: readonly string[]): string | undefined {
  if (plugins.includes(plugin)) return undefined;
  const there = plugins.length === 0 ? "it has none" : `it has ${plugins.join(", ")}`;
  return `the host has no plugin "${plugin}"${nearest(plugin, plugins)}; ${there}`;
}

/** What a query asks, as tests: of what is known before a record is made, and of the record. */
export class TraceFilter {
  readonly #tool: ((name: string) => boolean) | undefined;
  readonly #caller: ((id: string) => boolean) | undefined;
  readonly #query: TraceQuery;

  constructor(query: TraceQuery) {
    this.#query = query;
    this.#tool = query.tool === undefined ? undefined : glob(query.tool);
    this.#caller = query.caller === undefined ? undefined : glob(query.caller);
  }

  wants({ entry, principal, outcome }: TraceFacts): boolean {
    return (
      (!this.#tool || (entry !== undefined && this.#tool(entry))) &&
      (!this.#caller || this.#caller(principal)) &&
      (this.#query.outcome === undefined || this.#query.outcome === outcome)
    );
  }

  fits(record: TraceRecord): boolean {
    const { plugin } = this.#query;
    return this.wants(record) && (plugin === undefined || record.spans.some((node) => isBy(node, plugin)));
  }
}

function isBy(node: TraceNode, plugin: string): boolean {
  return (node.plugin === plugin && node.did !== undefined) || (node.spans?.some((each) => isBy(each, plugin)) ?? false);
}
