import type { z } from "zod";
import { meantForm } from "./meant-form.ts";
import { nearest } from "./nearest.ts";
import { keysAt } from "./option-keys.ts";

/** What an issue says of options at a place. @param owner whose options they are, in words */
export function optionProblems(issue: z.core.$ZodIssue, place: string, schema: z.ZodType | undefined, owner: string): string[] {
  const path = [`${place}.options`, ...issue.path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))].join("");
  const meant = meantForm(issue);
  if (meant) return meant.flatMap((inner) => optionProblems({ ...inner, path: [...issue.path, ...inner.path] }, place, schema, owner));
  // Why a key is refused is said one level deeper.
  if (issue.code === "invalid_key") return [`${path}: ${issue.issues.map(({ message }) => message).join("; ")} (a key of ${owner})`];
  if (issue.code !== "unrecognized_keys") return [`${path}: ${issue.message} (${owner})`];
  const known = schema ? keysAt(schema, issue.path) : [];
  return issue.keys.map((key) => `${path}.${key}: ${owner} has no such option${nearest(key, known)}`);
}
