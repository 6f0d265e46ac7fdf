import { readFileSync } from "node:fs";

type Json = Record<string, unknown>;

/** An answer of a real server, as `test/zoo/record.mjs` has it. */
export interface Recorded {
  readonly server: string;
  readonly tool: string;
  readonly outputSchema?: Json;
  readonly result: Json & { readonly content: readonly Json[] };
}

export const answers: readonly Recorded[] = readFileSync(new URL("answers.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Recorded);

export const textsOf = ({ content }: { readonly content: readonly Json[] }): { text: string }[] =>
  content.flatMap(({ text }) => (typeof text === "string" ? [{ text }] : []));
