import { isObject, type Json } from "mcp-host";
import { endWithin, lengthOf, type Unit } from "./measure.ts";

export interface Truncation {
  readonly max: number;
  readonly unit: Unit;
  /** What stands at the end of what was cut: `{shown}`, `{total}`, `{unit}`, `{how}`. */
  readonly notice: string;
  /** Whether the rest can be read. */
  readonly rest: boolean;
}

/** Where the rest of a result is told to machines, and under which params' `_meta` key it is asked for. */
export const REST_KEY = "io.mcp-host/rest";
export const TRUNCATED_KEY = "io.mcp-host/truncated";

/** A result that was cut. */
interface Cut {
  readonly result: Json;
  readonly rest: string;
  readonly shown: number;
  readonly total: number;
}

type Field = "content" | "contents" | "messages";

const FIELDS: readonly Field[] = ["content", "contents", "messages"];

/** The block of an item that may hold text: itself, a message's content, an embedded resource. */
function textOf(item: unknown): string | undefined {
  if (!isObject(item)) return undefined;
  if (typeof item.text === "string") return item.text;
  return textOf(item.content) ?? textOf(item.resource);
}

function withText(item: Json, text: string): Json {
  if (typeof item.text === "string") return { ...item, text };
  const key = textOf(item.content) === undefined ? "resource" : "content";
  return { ...item, [key]: withText(item[key] as Json, text) }; // an item with a text holds it in one of these
}

function fieldOf(result: Readonly<Json>): Field | undefined {
  return FIELDS.find((field) => Array.isArray(result[field]));
}

/** Cuts what is longer than allowed; undefined where nothing is. What is no text stays. */
export function cut(result: Readonly<Json>, { max, unit }: Truncation): Cut | undefined {
  const field = fieldOf(result);
  if (field === undefined) return undefined;
  const items = result[field] as unknown[]; // seen above
  const texts = items.map(textOf);
  const { structuredContent, ...others } = result;
  const structured = structuredContent === undefined ? undefined : JSON.stringify(structuredContent);
  // What is only in `structuredContent` is text to a model too.
  const extra =
    structured !== undefined && !texts.some((text) => text !== undefined && saysSame(text, structured)) ? structured : undefined;
  const all = [...texts, extra].filter((text) => text !== undefined);
  const total = all.reduce((sum, text) => sum + lengthOf(text, unit), 0);
  if (total <= max) return undefined;
  let left = max;
  let shown = 0;
  const rest: string[] = [];
  const fit = (text: string): string => {
    const end = endWithin(text, 0, left, unit);
    const length = lengthOf(text.slice(0, end), unit);
    shown += length;
    left -= length;
    if (end < text.length) {
      left = 0; // what comes after a cut would be read as its continuation
      rest.push(text.slice(end));
    }
    return text.slice(0, end);
  };
  const kept = items.flatMap((item, at) => {
    const text = texts[at];
    if (text === undefined) return [item];
    const head = fit(text);
    if (head === text) return [item];
    return head === "" && field === "content" ? [] : [withText(item as Json, head)]; // what has a text is an object
  });
  if (extra !== undefined) {
    const head = fit(extra);
    if (head !== "") kept.push({ type: "text", text: head });
  }
  // Half a structured result fits no schema; its text says what fits.
  return { result: { ...others, [field]: kept }, rest: rest.join("\n\n"), shown, total };
}

function saysSame(text: string, structured: string): boolean {
  if (text === structured) return true;
  if (text.length < structured.length) return false;
  try {
    return JSON.stringify(JSON.parse(text)) === structured;
  } catch {
    return false;
  }
}

/** A result of the same kind that says this piece of a rest. */
export function pieceOf(method: string, params: Readonly<Json>, text: string): Json {
  if (method === "resources/read") return { contents: [{ uri: params.uri, mimeType: "text/plain", text }] };
  if (method === "prompts/get") return { messages: [{ role: "user", content: { type: "text", text } }] };
  return { content: [{ type: "text", text }] };
}

/** The result with the notice at its end, and the same for machines in `_meta`. */
export function withNotice(result: Readonly<Json>, notice: string, facts: Readonly<Json>): Json {
  const field = fieldOf(result) ?? "content";
  const items = (result[field] ?? []) as unknown[]; // a list, if it is there
  const last = items.findLastIndex((item) => textOf(item) !== undefined);
  const noticed =
    field === "content"
      ? [...items, { type: "text", text: notice }]
      : items.map((item, at) => (at === last ? withText(item as Json, `${textOf(item)}\n\n${notice}`) : item)); // an item with a text is an object
  return { ...result, [field]: noticed, _meta: { ...(isObject(result._meta) && result._meta), [TRUNCATED_KEY]: facts } };
}
