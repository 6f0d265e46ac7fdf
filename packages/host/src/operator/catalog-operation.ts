import { z } from "zod";
import { HostError } from "../errors.ts";
import { type Entry, LISTED_KINDS } from "../exchange/entry.ts";
import type { OperatedHost } from "../host/operated-host.ts";
import { redactText } from "../redact.ts";
import { isObject, type Json } from "../wire/message.ts";
import type { HostOperation } from "./host-operation.ts";

const PAGE = 200;
const MOST = 1_000;
/** Nested deeper, a part of a definition is left out. */
const DEPTH = 64;

const PARAMS = z.strictObject({
  kind: z.enum(LISTED_KINDS).optional().describe("Only entries of this kind."),
  upstream: z.string().min(1).optional().describe("Only what this server owns."),
  search: z.string().min(1).max(200).optional().describe("Only what has this text in its name, title or description, in any case."),
  definitions: z.boolean().default(false).describe("With all that the server lists of each."),
  limit: z.int().min(1).max(MOST).default(PAGE).describe("How many at most."),
  cursor: z.string().max(4_096).optional().describe("`nextCursor` of the page before."),
});

const RESULT = z.looseObject({
  entries: z.array(
    z.looseObject({
      kind: z.enum(LISTED_KINDS),
      name: z.string().describe("The exposed name, or the URI."),
      upstream: z.string(),
      native: z.string(),
      title: z.string().optional(),
      description: z.string().optional(),
      definition: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
  total: z.number().describe("How many there are on all pages."),
  nextCursor: z.string().optional(),
});

/** What is offered, page by page and sorted, so that a page does not move when entries come and go. */
export function catalogOperation(host: Pick<OperatedHost, "entries">): HostOperation {
  return {
    description: "Tells what is offered to clients, whoever may use it, page by page.",
    params: PARAMS,
    result: RESULT,
    reads: true,
    run(params) {
      const { kind, upstream, search, definitions, limit, cursor } = params as z.output<typeof PARAMS>; // it fits
      const words = search?.toLowerCase();
      const found = host
        .entries()
        .filter((entry) => (kind === undefined || entry.kind === kind) && (upstream === undefined || entry.upstream === upstream))
        .filter((entry) => words === undefined || textsOf(entry).some((text) => text.toLowerCase().includes(words)))
        .map((entry) => ({ entry, place: `${entry.kind} ${entry.name}` }))
        .sort((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0));
      const after = cursor === undefined ? undefined : placeOf(cursor);
      const rest = after === undefined ? found : found.filter(({ place }) => place > after);
      const page = rest.slice(0, limit);
      const last = page.at(-1);
      return {
        entries: page.map(({ entry }) => shown(entry, definitions)),
        total: found.length,
        ...(rest.length > page.length && last && { nextCursor: Buffer.from(last.place).toString("base64url") }),
      };
    },
  };
}

function placeOf(cursor: string): string {
  const place = Buffer.from(cursor, "base64url").toString();
  if (Buffer.from(place).toString("base64url") === cursor && LISTED_KINDS.some((kind) => place.startsWith(`${kind} `))) return place;
  throw new HostError("invalid_params", 'the "cursor" is none that a page gave as `nextCursor`');
}

function textsOf({ name, native, definition: { title, description } }: Entry): string[] {
  return [name, native, title, description].filter((text) => typeof text === "string");
}

function shown({ kind, name, upstream, native, definition }: Entry, isWhole: boolean): Json {
  const { title, description } = definition;
  return {
    ...{ kind, name: redactText(name), upstream, native: redactText(native) },
    ...(typeof title === "string" && { title: redactText(title) }),
    ...(typeof description === "string" && { description: redactText(description) }),
    ...(isWhole && { definition: clean(definition, 0) }),
  };
}

/** Without secrets by value and shape. Not by name: a tool may have an argument that is called `token`. */
function clean(value: unknown, depth: number): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > DEPTH) return "[left out]";
  if (Array.isArray(value)) return value.map((item) => clean(item, depth + 1));
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, clean(item, depth + 1)])) : undefined;
}
