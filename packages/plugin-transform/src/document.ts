import { isObject, type Json } from "mcp-host";
import { indentOf, parsedText } from "./rewrite.ts";

/** What a result says, as one JSON value that can be reshaped. */
export interface Document {
  readonly value: unknown;
  /** The result that says `value` instead, in text and, if wished or there before, as `structuredContent`. */
  write(value: unknown, structured: boolean): Json;
}

/** The document of a tool's result or of a resource's contents; undefined where there is none, as in prompts. */
export function documentOf(result: Readonly<Json>): Document | undefined {
  const field = Array.isArray(result.content) ? "content" : Array.isArray(result.contents) ? "contents" : undefined;
  if (field === undefined) return undefined;
  const blocks = result[field] as unknown[]; // seen above
  const texts = blocks.filter(isText);
  const { structuredContent } = result;
  const isStructured = field === "content" && isObject(structuredContent);
  if (!isStructured && texts.length === 0) return undefined;
  const joined = texts.map(({ text }) => text).join("\n");
  const value = isStructured ? structuredContent : (parsedText(joined) ?? joined);
  return {
    value,
    write(after, structured) {
      const text = typeof after === "string" ? after : JSON.stringify(after ?? null, null, indentOf(joined));
      const first = blocks.findIndex(isText);
      // Text that said something else would go on saying what was taken out.
      const rest = blocks.filter((block, at) => at === first || !isText(block));
      const written = rest.map((block) => (block === blocks[first] ? { ...(block as Json), text } : block)); // a text block is an object
      if (first === -1) written.push({ type: "text", text });
      const { structuredContent: _, ...others } = result;
      const keeps = field === "content" && isObject(after) && (isStructured || structured);
      return { ...others, [field]: written, ...(keeps && { structuredContent: after }) };
    },
  };
}

function isText(block: unknown): block is Json & { text: string } {
  return isObject(block) && typeof block.text === "string" && (block.type === "text" || block.type === undefined);
}

/** The parts of a value at these paths; lists are gone through item by item. */
export function picked(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (paths.some((path) => path.length === 0)) return value;
  if (Array.isArray(value)) return value.map((item) => picked(item, paths));
  if (!isObject(value)) return value;
  const firsts = [...new Set(paths.map(([first]) => first as string))].filter((name) => Object.hasOwn(value, name)); // none is empty
  return Object.fromEntries(
    firsts.map((name) => [
      name,
      picked(
        value[name],
        paths.filter(([first]) => first === name).map((path) => path.slice(1)),
      ),
    ]),
  );
}
