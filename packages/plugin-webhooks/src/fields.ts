import { isDeepStrictEqual } from "node:util";
import { isObject, type Json } from "mcp-host";
import { malformed } from "./failure.ts";

/** What is the protocol's or the host's in params, and not for a hook to change: what is called, and what belongs to one hop. */
const OF_PARAMS = ["_meta", "name", "uri", "ref", "task", "taskId", "inputResponses", "requestState"] as const;
/** The same of results. */
const OF_RESULTS = ["_meta", "resultType", "task", "inputRequests", "requestState", "ttlMs", "cacheScope", "nextCursor"] as const;

/** What a message is: params that go to a server, or a result that comes from it. */
export type Side = "params" | "result";

/** A message without what hooks are not shown. */
export function withoutMeta({ _meta, ...rest }: Readonly<Json>): Json {
  return rest;
}

/**
 * Whether what came of a hook's verdict may take the place of a message.
 * @param before the message, without `_meta` @throws HookFailure
 */
export function checkFields(side: Side, method: string, before: Readonly<Json>, after: Readonly<Json>): void {
  for (const field of side === "params" ? OF_PARAMS : OF_RESULTS)
    if (Object.hasOwn(before, field) !== Object.hasOwn(after, field) || !isDeepStrictEqual(before[field], after[field]))
      throw malformed(`changes ${field}, which is not for hooks to change`);
  const shapes = (side === "params" ? PARAMS : RESULTS)[method] ?? {};
  for (const [field, { is, test }] of Object.entries(shapes))
    if (
      Object.hasOwn(after, field)
        ? !test(after[field])
        : Object.hasOwn(before, field) && field !== "structuredContent" && field !== "isError"
    )
      throw malformed(`leaves ${field} that is not ${is}`);
}

interface Shape {
  readonly is: string;
  readonly test: (value: unknown) => boolean;
}
type Shapes = Readonly<Record<string, Readonly<Record<string, Shape>>>>;

const isTexts = (value: unknown): boolean => isObject(value) && Object.values(value).every((each) => typeof each === "string");
const isListOf =
  (test: (item: Json) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every((item) => isObject(item) && test(item));

const PARAMS: Shapes = {
  "tools/call": { arguments: { is: "an object", test: isObject } },
  "prompts/get": { arguments: { is: "an object of texts", test: isTexts } },
  "completion/complete": {
    argument: { is: "an object of texts", test: isTexts },
    context: { is: "an object", test: isObject },
  },
};

const RESULTS: Shapes = {
  "tools/call": {
    content: { is: "a list of objects with a type", test: isListOf(({ type }) => typeof type === "string") },
    structuredContent: { is: "an object", test: isObject },
    isError: { is: "a boolean", test: (value) => typeof value === "boolean" },
  },
  "prompts/get": { messages: { is: "a list of objects with a role", test: isListOf(({ role }) => typeof role === "string") } },
  "resources/read": { contents: { is: "a list of objects with a uri", test: isListOf(({ uri }) => typeof uri === "string") } },
  "completion/complete": {
    completion: { is: "an object with values", test: (value) => isObject(value) && Array.isArray(value.values) },
  },
};
