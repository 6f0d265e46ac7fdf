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
  if (count !== undefined && (typeof count !== "number" || !Number.isInteger(count) || count < 1))
    throw new Error('"count" is not a number of requests');
  return { ...Object.fromEntries(texts), ...(count !== undefined && { count }) };
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
