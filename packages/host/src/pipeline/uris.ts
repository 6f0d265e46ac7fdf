import { isObject, type Json } from "../wire/message.ts";

/** Calls `visit` for each URI in a result (links, embedded resources, read contents, prompt messages). */
export function visitUris(result: Readonly<Json>, visit: (uri: string) => void): void {
  mapUris(result, (uri) => {
    visit(uri);
    return uri;
  });
}

/** A result whose URIs are replaced by `rename`; the same object where none changed. */
export function mapUris(result: Readonly<Json>, rename: (uri: string) => string): Json {
  let changed = result as Json;
  const put = (field: string, value: unknown): void => {
    if (value !== result[field]) changed = { ...changed, [field]: value };
  };
  if (Array.isArray(result.content)) put("content", mapBlocks(result.content, rename));
  if (Array.isArray(result.contents))
    put(
      "contents",
      mapItems(result.contents, (item) => mapUri(item, rename)),
    );
  if (Array.isArray(result.messages)) {
    put(
      "messages",
      mapItems(result.messages, (message) => {
        const content = Array.isArray(message.content)
          ? mapBlocks(message.content, rename)
          : isObject(message.content)
            ? mapBlock(message.content, rename)
            : message.content;
        return content === message.content ? message : { ...message, content };
      }),
    );
  }
  return changed;
}

function mapBlocks(blocks: readonly unknown[], rename: (uri: string) => string): readonly unknown[] {
  return mapItems(blocks, (block) => mapBlock(block, rename));
}

function mapBlock(block: Json, rename: (uri: string) => string): Json {
  if (block.type === "resource_link") return mapUri(block, rename);
  if (block.type !== "resource" || !isObject(block.resource)) return block;
  const resource = mapUri(block.resource, rename);
  return resource === block.resource ? block : { ...block, resource };
}

function mapUri(item: Json, rename: (uri: string) => string): Json {
  if (typeof item.uri !== "string") return item;
  const uri = rename(item.uri);
  return uri === item.uri ? item : { ...item, uri };
}

function mapItems(items: readonly unknown[], map: (item: Json) => Json): readonly unknown[] {
  let changed: unknown[] | undefined;
  items.forEach((item, index) => {
    if (!isObject(item)) return;
    const mapped = map(item);
    if (mapped === item) return;
    changed ??= [...items];
    changed[index] = mapped;
  });
  return changed ?? items;
}
