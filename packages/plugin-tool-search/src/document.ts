import { type Entry, isObject } from "mcp-host";
import { wordsOf } from "./words.ts";

/** What a search looks at of a tool: words, with spaces between them. */
export interface ToolDocument {
  readonly id: number;
  readonly name: string;
  readonly server: string;
  /** The first sentence of its description, which says what it does, and its title. */
  readonly lead: string;
  readonly rest: string;
  /** Names, descriptions and choices of its arguments. */
  readonly args: string;
}

export const FIELDS = ["name", "server", "lead", "rest", "args"] as const;

type Texts = Omit<ToolDocument, "id">;

/** Schemas are looked at to this depth: what is below says little of what the tool is for. */
const DEPTH = 3;
/** Arguments that are looked at in all. */
const MOST = 100;

/** By definition: none ever changes, and reading one takes longer than adding it to an index. */
const known = new WeakMap<object, Texts>();

export function documentOf(id: number, entry: Entry): ToolDocument {
  let texts = known.get(entry.definition);
  if (!texts) known.set(entry.definition, (texts = textsOf(entry)));
  return { id, ...texts };
}

function textsOf({ native, upstream, definition }: Entry): Texts {
  const description = typeof definition.description === "string" ? definition.description : "";
  const end = leadEnd(description);
  const title = titleOf(definition.title) || titleOf(isObject(definition.annotations) ? definition.annotations.title : undefined);
  const server = wordsOf(upstream);
  // What all tools of a server have in their texts tells none from the others.
  const apart = (text: string): string =>
    wordsOf(text)
      .filter((word) => !server.includes(word))
      .join(" ");
  return {
    name: apart(native),
    server: server.join(" "),
    lead: apart(`${title}\n${description.slice(0, end)}`),
    rest: apart(description.slice(end)),
    args: apart(argumentsOf(definition.inputSchema).join("\n")),
  };
}

function titleOf(title: unknown): string {
  return typeof title === "string" ? title : "";
}

function leadEnd(text: string): number {
  const found = /[.!?。](?:\s|$)|\n/.exec(text);
  return found ? found.index + 1 : text.length;
}

function argumentsOf(schema: unknown): string[] {
  const texts: string[] = [];
  let left = MOST;
  const visit = (schema: unknown, depth: number): void => {
    if (!isObject(schema) || depth > DEPTH) return;
    if (isObject(schema.properties))
      for (const [name, property] of Object.entries(schema.properties)) {
        if (left-- <= 0) return;
        texts.push(name);
        if (!isObject(property)) continue;
        if (typeof property.description === "string") texts.push(property.description);
        if (Array.isArray(property.enum)) texts.push(property.enum.filter((each) => typeof each === "string").join(" "));
        visit(property, depth + 1);
      }
    visit(schema.items, depth + 1);
  };
  visit(schema, 0);
  return texts;
}
