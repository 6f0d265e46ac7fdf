import { isObject } from "../wire/message.ts";

/** What is wrong with a schema where one of zod is needed, in words that follow what it is; undefined where nothing is known against it. */
export function zodProblem(schema: unknown): string | undefined {
  if (!isObject(schema) || typeof schema.safeParseAsync !== "function") return "no zod schema";
  // Both versions have `_def`; only the fourth has the other.
  return "_def" in schema && !("_zod" in schema)
    ? 'made with zod 3, which the host cannot read; zod 4 is needed (`npm install zod@4`, and no import from "zod/v3")'
    : undefined;
}
