import type { Entry } from "mcp-host";

/** ASCII characters that make a token, about: of schemas and English text, in the tokenizers of today's models. */
const PER_TOKEN = 4;

const sizes = new WeakMap<object, number>();

/** Tokens of a text, estimated: no two models count alike, and what is decided by it needs no more. */
export function tokensOf(text: string): number {
  let others = 0;
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) others++;
  return Math.ceil((text.length - others) / PER_TOKEN + others);
}

/** What a tool costs in a list, estimated. Definitions never change. */
export function costOf({ definition }: Entry): number {
  let size = sizes.get(definition);
  if (size === undefined) sizes.set(definition, (size = tokensOf(JSON.stringify(definition))));
  return size;
}

export function costOfAll(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + costOf(entry), 0);
}
