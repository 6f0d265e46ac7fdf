import { counted } from "../../wire/counted.ts";
import { isObject, type Json } from "../../wire/message.ts";

/** A tool's result for people. */
export function readableResult({ content, structuredContent }: Json): string {
  const blocks = Array.isArray(content) ? content.filter(isObject).map(readableBlock) : [];
  return blocks.length > 0 ? blocks.join("\n") : JSON.stringify(structuredContent ?? {}, undefined, 2);
}

/** A block of content for people: texts as they are, of anything else what it is. */
export function readableBlock(block: Json): string {
  if (block.type === "text") return String(block.text);
  if (block.type === "resource_link") return `[${block.uri}]`;
  if (block.type === "resource" && isObject(block.resource)) return readableContents(block.resource);
  return `[${block.type} ${block.mimeType ?? ""}]`;
}

/** What a resource holds, for people: its text, or what it is. */
export function readableContents({ uri, text, blob, mimeType }: Json): string {
  if (text !== undefined) return String(text);
  return blob === undefined
    ? `[${uri}]`
    : `[${[uri, mimeType, counted(Buffer.byteLength(String(blob), "base64"), "byte")].filter(Boolean).join(", ")}]`;
}
