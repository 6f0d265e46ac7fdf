import { isObject, type Json } from "mcp-host";

/** A block of content with a text that a model reads. */
export interface TextBlock {
  readonly text: string;
  /** Whether it is nothing but text: an embedded resource is of a type that its text must stay of. */
  readonly isPlain: boolean;
  with(text: string): Json;
}

/** The text of a block; undefined for images, audio, links, bytes, and what is for the user alone. */
export function textBlock(block: unknown): TextBlock | undefined {
  if (!isObject(block) || isForUser(block)) return undefined;
  if (block.type === "text" && typeof block.text === "string")
    return { text: block.text, isPlain: true, with: (text) => ({ ...block, text }) };
  const { resource } = block;
  if (block.type !== "resource" || !isObject(resource) || typeof resource.text !== "string") return undefined;
  return { text: resource.text, isPlain: false, with: (text) => ({ ...block, resource: { ...resource, text } }) };
}

function isForUser({ annotations }: Json): boolean {
  return isObject(annotations) && Array.isArray(annotations.audience) && !annotations.audience.includes("assistant");
}
