import {
  CallToolResultSchema,
  CompleteResultSchema,
  GetPromptResultSchema,
  InitializeResultSchema,
  ListPromptsResultSchema,
  ListResourcesResultSchema,
  ListResourceTemplatesResultSchema,
  ListToolsResultSchema,
  ReadResourceResultSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { z } from "zod";
import { isObject } from "./message.ts";

/** Results by method, as the SDK checks them (MCP 2025-11-25); results of 2026-07-28 have more fields, which these let pass. */
const RESULTS: Readonly<Record<string, z.ZodType>> = {
  initialize: InitializeResultSchema,
  "tools/list": ListToolsResultSchema,
  "tools/call": CallToolResultSchema,
  "prompts/list": ListPromptsResultSchema,
  "prompts/get": GetPromptResultSchema,
  "resources/list": ListResourcesResultSchema,
  "resources/templates/list": ListResourceTemplatesResultSchema,
  "resources/read": ReadResourceResultSchema,
  "completion/complete": CompleteResultSchema,
};

/** What is wrong with a result of a method of MCP, each with its place; of other methods a result need only be an object. */
export function resultProblems(result: unknown, method: string | undefined): string[] {
  if (!isObject(result)) return ["is no object"];
  const schema = method === undefined || !Object.hasOwn(RESULTS, method) ? undefined : RESULTS[method];
  // The SDK puts an empty list where the specification wants one.
  if (method === "tools/call" && result.content === undefined) return ["content: it is missing"];
  return schema ? problemsBy(schema, result) : [];
}

/** What a schema finds wrong, each with its place. */
export function problemsBy(schema: z.ZodType, value: unknown): string[] {
  const { error } = schema.safeParse(value);
  return (error?.issues ?? []).flatMap(meant).map(({ path, message }) => `${path.map(String).join(".")}: ${message}`);
}

/** What is wrong with the form that was meant, where a value says by its `type` which of several it is. */
function meant(issue: z.core.$ZodIssue): Pick<z.core.$ZodIssue, "path" | "message">[] {
  if (issue.code !== "invalid_union") return [issue];
  const [form, ...more] = issue.errors.filter((issues) => !issues.some(({ path }) => path.length === 1 && path[0] === "type"));
  if (!form || more.length > 0) return [issue];
  return form.flatMap(meant).map(({ path, message }) => ({ path: [...issue.path, ...path], message }));
}
