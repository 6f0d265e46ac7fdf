import { escapeControls } from "../../log.ts";
import type { Json } from "../../wire/message.ts";

/** What a host offers: the method that lists it, the field of the result, what it goes by, and the columns of a row. */
export const KINDS = {
  tools: { method: "tools/list", field: "tools", key: "name", row: (entry: Json) => [entry.name, entry.title ?? entry.description] },
  prompts: { method: "prompts/list", field: "prompts", key: "name", row: (entry: Json) => [entry.name, entry.title ?? entry.description] },
  resources: { method: "resources/list", field: "resources", key: "uri", row: (entry: Json) => [entry.uri, entry.title ?? entry.name] },
  templates: {
    method: "resources/templates/list",
    field: "resourceTemplates",
    key: "uriTemplate",
    row: (entry: Json) => [entry.uriTemplate, entry.title ?? entry.name],
  },
} as const;

export type Kind = keyof typeof KINDS;

/** The rows of a table for people. */
export function rowsOf(kind: Kind, entries: readonly Json[]): string[][] {
  return entries.map((entry) => KINDS[kind].row(entry).map(oneLine));
}

/** The first line of a text that an upstream wrote, at most 100 characters, made safe: a name or description must not steer the terminal that shows it. */
function oneLine(text: unknown): string {
  const [line = ""] = String(text ?? "")
    .trim()
    .split("\n");
  const short = line.length > 100 ? `${line.slice(0, 99)}…` : line;
  return escapeControls(short);
}
