import type { z } from "zod";
import { nearest } from "../nearest.ts";

const EXPECTED: Readonly<Record<string, string>> = {
  string: "a text",
  array: "a list",
  object: "an object",
  record: "an object",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

/** What is wrong with a value of a config, in words for people. Gives nothing where the schema's own words are better. */
export function wording(issue: z.core.$ZodRawIssue): string | undefined {
  const { input } = issue;
  switch (issue.code) {
    case "invalid_type":
      return `must be ${EXPECTED[issue.expected] ?? issue.expected}, not ${issue.expected === "int" && typeof input === "number" ? input : kindOf(input)}`;
    case "invalid_value": {
      const values = issue.values.map((value) => JSON.stringify(value));
      const hint = typeof input === "string" ? nearest(input, issue.values.map(String)) : "";
      const given = typeof input === "string" ? JSON.stringify(input) : kindOf(input);
      return `must be ${values.length > 1 ? "one of " : ""}${values.join(", ")}, not ${given}${hint}`;
    }
    case "too_small":
      return issue.origin === "string" ? "must not be empty" : `must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`;
    case "too_big":
      return `must be at most ${issue.maximum}`;
    default:
      return undefined;
  }
}

/** What kind of JSON a value is. */
export function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return "a list";
  return EXPECTED[typeof value] ?? `a ${typeof value}`;
}
