import type { Json } from "mcp-host";

/** What is done with the parts of a JSON value. */
export interface Rewriting {
  text(text: string): string;
  /** Instead of a number, which may be written with more digits than it has; default: as it is. */
  number?(value: number, written?: string): unknown;
  /** Instead of the value under this key, unless that is null, true or false; undefined to go into it. */
  instead?(key: string): string | undefined;
  /** Instead of the value of a field outside of texts, whatever it is, and before {@link instead}; undefined to go into it. */
  field?(key: string, value: unknown, parent: Json): { readonly value: unknown } | undefined;
  /** Whether keys are text like any other; default: they stay. */
  readonly keys?: boolean;
  /** What is done with texts instead, and with JSON in them; default: the same. */
  readonly within?: Rewriting;
}
