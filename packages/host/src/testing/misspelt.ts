import type { z } from "zod";
import { keysAt } from "../config/option-keys.ts";

/** An option that a schema knows, and a misspelling of it that it does not; without options any name will do. */
export function misspelt(schema: z.ZodType | undefined): { key: string | undefined; wrong: string } {
  const keys = schema ? keysAt(schema, []) : [];
  const key = keys.toSorted((a, b) => b.length - a.length)[0];
  if (key === undefined) return { key, wrong: "noSuchOption" };
  let wrong = key;
  do wrong += key.at(-1);
  while (keys.includes(wrong));
  return { key, wrong };
}
