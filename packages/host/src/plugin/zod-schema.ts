import { isObject } from "../wire/message.ts";

/** What is wrong with a schema where zod's own is needed, in words that follow what it is; undefined for one of zod 4. */
export function zodProblem(schema: unknown): string | undefined {
  if (isObject(schema) && "_zod" in schema && typeof schema.safeParseAsync === "function") return undefined;
  const isOld = isObject(schema) && "_def" in schema && typeof schema.safeParseAsync === "function";
  return isOld
    ? 'made with zod 3, which the host cannot read; zod 4 is needed (`npm install zod@4`, and no import from "zod/v3")'
    : "no zod schema";
}
