import type { z } from "zod";

/**
 * Of a value that may have several forms and fits none, what is wrong with the one that was meant: that whose inside is wrong and
 * not the value as a whole. Nothing where that cannot be told.
 */
export function meantForm(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] | undefined {
  if (issue.code !== "invalid_union") return undefined;
  const meant = issue.errors.filter((form) => form.every(({ code, path }) => path.length > 0 || code === "unrecognized_keys"));
  return meant.length === 1 ? meant[0] : undefined;
}
