import { type Caller, isObject, type Json, refuse } from "mcp-host";
import type { View, Views } from "./view.ts";

/** What is listed by which method, and the field that tells one entry from another. */
export const LISTS = {
  "tools/list": ["tools", "name"],
  "prompts/list": ["prompts", "name"],
  "resources/list": ["resources", "uri"],
  "resources/templates/list": ["resourceTemplates", "uriTemplate"],
} as const;

/** Requests by which a client learns whom it speaks to, in either era. */
export const INTRODUCTIONS = ["initialize", "server/discover"] as const;

/** The answer to one of these with the words of the caller's profiles. @throws a refusal for whoever may not use the one that it came for */
export function introduced(result: Readonly<Json>, views: Views, caller: Caller): Readonly<Json> {
  const refused = views.refused(caller);
  if (refused !== undefined) throw refuse("forbidden", `the profile "${refused}" is for roles that you do not have`);
  const view = views.of(caller);
  if (!view) return result;
  const { instructions: own, serverInfo, ...rest } = result;
  const instructions = view.instructions(typeof own === "string" ? own : undefined);
  return {
    ...rest,
    serverInfo: view.description === undefined || !isObject(serverInfo) ? serverInfo : { ...serverInfo, description: view.description },
    ...(instructions !== undefined && instructions !== "" && { instructions }),
  };
}

/** A list with the descriptions of the caller's profiles. */
export function described(result: Readonly<Json>, method: keyof typeof LISTS, view: View | undefined): Readonly<Json> {
  const [field, key] = LISTS[method];
  const entries = result[field];
  if (!view || !Array.isArray(entries)) return result;
  return {
    ...result,
    [field]: entries.map((entry: Readonly<Json>) => {
      const own = typeof entry.description === "string" ? entry.description : undefined;
      const description = view.describe(String(entry[key]), own);
      return description === own ? entry : { ...entry, description };
    }),
  };
}
