import { templateMatcher } from "../pipeline/uri-template.ts";
import { isObject, type Json } from "../wire/message.ts";
import { LATEST_VERSION } from "../wire/versions.ts";
import { JsonRpcError } from "./json-rpc-end.ts";

/** What a call of a fake upstream is given besides its arguments. */
export interface FakeContext {
  /** Tells how far it is; nothing is sent for a request without a progress token. */
  progress(progress: number, total?: number, message?: string): void;
  /** Sends a log line (`notifications/message`); in the modern era only to a request that wants lines as grave. */
  log(level: string, data: unknown): void;
  /**
   * Asks the client: `sampling/createMessage`, `elicitation/create`, `roots/list`. In the modern era the request is answered
   * with the question (`input_required`), and the call goes on under the one that brings the answer.
   * @throws FakeRpcError with its error, or where a client of the modern era may not be asked
   */
  ask(method: string, params?: Json): Promise<Json>;
  /** Aborted when the request is cancelled or the connection closed. */
  readonly signal: AbortSignal;
  /** The request's `_meta`. */
  readonly meta: Json | undefined;
  /** The request's params as they came; after a question those of the request that brought the answer. */
  readonly request: Json;
}

/** A tool that is nothing but its call. */
export interface FakeCall {
  (args: Json, context: FakeContext): unknown;
  /** Only a type: that of a tool's `call`, since the one that every function has would hide it from TypeScript in a tool beside it. */
  call(args: Json, context: FakeContext): unknown;
}

export interface FakeTool {
  title?: string;
  description?: string;
  /** Default: any object. */
  inputSchema?: Json;
  outputSchema?: Json;
  annotations?: Json;
  execution?: Json;
  /**
   * Gives a string (one text), an object with `content`, `task` or `resultType` (the result as it is), or any other JSON
   * (`structuredContent` if it is an object, and its text). A `FakeRpcError` is the answer as it is; any other throw a
   * result with `isError`.
   */
  call(args: Json, context: FakeContext): unknown;
  /** Other fields are listed as they are. */
  [field: string]: unknown;
}

export interface FakePrompt {
  description?: string;
  arguments?: Json[];
  /** Gives a string (one message of the user's) or the result as it is. */
  get(args: Json, context: FakeContext): Json | string | Promise<Json | string>;
  [field: string]: unknown;
}

export interface FakeResource {
  /** Default: the URI. */
  name?: string;
  mimeType?: string;
  /** Gives a string (one text) or the result as it is. */
  read(context: FakeContext): Json | string | Promise<Json | string>;
  [field: string]: unknown;
}

export interface FakeTemplate {
  /** Default: the template. */
  name?: string;
  mimeType?: string;
  /** As of a resource. */
  read(uri: string, context: FakeContext): Json | string | Promise<Json | string>;
  [field: string]: unknown;
}

/** What a fake upstream offers. */
export interface FakeUpstreamSpec {
  /** `serverInfo.name`; default `"fake"`. */
  name?: string;
  /**
   * Which eras of MCP it speaks: `legacy` is that of 2025-11-25 and older, with `initialize`; `modern` that of 2026-07-28,
   * which refuses it; `dual` both, each request in its own. Default: `legacy`.
   */
  era?: "legacy" | "modern" | "dual";
  /** By name. */
  tools?: Record<string, FakeTool | FakeCall>;
  /** By name. */
  prompts?: Record<string, FakePrompt>;
  /** By URI. */
  resources?: Record<string, FakeResource>;
  /** By URI template. */
  templates?: Record<string, FakeTemplate>;
  /** Answers `completion/complete`: the values, or the result as it is. */
  complete?(params: Json, context: FakeContext): Json | string[] | Promise<Json | string[]>;
  /** Answers requests with these methods in the place of everything above: tasks, a vendor's own. */
  methods?: Record<string, (params: Json, context: FakeContext) => Json | Promise<Json>>;
  /** Default: what the above needs, with `listChanged`, `subscribe` and `logging`. */
  capabilities?: Json;
  instructions?: string;
}

/** The capabilities that a spec needs. */
export function capabilitiesOf(spec: FakeUpstreamSpec): Json {
  return {
    logging: {},
    ...(spec.tools && { tools: { listChanged: true } }),
    ...(spec.prompts && { prompts: { listChanged: true } }),
    ...((spec.resources || spec.templates) && { resources: { listChanged: true, subscribe: true } }),
    ...(spec.complete && { completions: {} }),
  };
}

/** What it says it is. */
export function serverInfoOf({ name = "fake" }: FakeUpstreamSpec): Json {
  return { name, version: "1.0.0" };
}

/** What a server with this spec answers. @throws JsonRpcError where it answers with an error */
export async function answerAs(spec: FakeUpstreamSpec, method: string, params: Json, context: FakeContext): Promise<Json> {
  const own = pick(spec.methods, method);
  if (own) return own(params, context);
  switch (method) {
    case "initialize":
      return {
        protocolVersion: LATEST_VERSION,
        capabilities: spec.capabilities ?? capabilitiesOf(spec),
        serverInfo: serverInfoOf(spec),
        ...(spec.instructions !== undefined && { instructions: spec.instructions }),
      };
    case "ping":
    case "logging/setLevel":
    case "resources/subscribe":
    case "resources/unsubscribe":
      return {};
    case "tools/list":
      return { tools: Object.entries(spec.tools ?? {}).map(([name, tool]) => listedTool(name, tool)) };
    case "prompts/list":
      return { prompts: Object.entries(spec.prompts ?? {}).map(([name, { get: _, ...fields }]) => ({ name, ...fields })) };
    case "resources/list":
      return { resources: Object.entries(spec.resources ?? {}).map(([uri, { read: _, ...fields }]) => ({ uri, name: uri, ...fields })) };
    case "resources/templates/list":
      return {
        resourceTemplates: Object.entries(spec.templates ?? {}).map(([uriTemplate, { read: _, ...fields }]) => ({
          uriTemplate,
          name: uriTemplate,
          ...fields,
        })),
      };
    case "tools/call":
      return callTool(spec, params, context);
    case "prompts/get":
      return getPrompt(spec, params, context);
    case "resources/read":
      return readResource(spec, String(params.uri), context);
    case "completion/complete": {
      if (!spec.complete) break;
      const given = await spec.complete(params, context);
      return Array.isArray(given) ? { completion: { values: given } } : given;
    }
  }
  throw new JsonRpcError(-32601, `Method not found: ${method}`);
}

function listedTool(name: string, tool: FakeTool | FakeCall): Json {
  if (typeof tool === "function") return { name, inputSchema: { type: "object" } };
  const { call: _, ...fields } = tool;
  return { name, inputSchema: { type: "object" }, ...fields };
}

async function callTool(spec: FakeUpstreamSpec, params: Json, context: FakeContext): Promise<Json> {
  const tool = pick(spec.tools, params.name);
  if (!tool) throw new JsonRpcError(-32602, `Unknown tool: ${params.name}`);
  const args = isObject(params.arguments) ? params.arguments : {};
  try {
    return toolResult(await (typeof tool === "function" ? tool(args, context) : tool.call(args, context)));
  } catch (error) {
    if (error instanceof JsonRpcError) throw error;
    return { content: [{ type: "text", text: error instanceof Error ? error.message : String(error) }], isError: true };
  }
}

function toolResult(given: unknown): Json {
  if (given === undefined) return { content: [] };
  if (typeof given === "string") return { content: [{ type: "text", text: given }] };
  if (isObject(given) && (Array.isArray(given.content) || isObject(given.task) || given.resultType !== undefined)) return given;
  const content = [{ type: "text", text: JSON.stringify(given) }];
  return isObject(given) ? { content, structuredContent: given } : { content };
}

async function getPrompt(spec: FakeUpstreamSpec, params: Json, context: FakeContext): Promise<Json> {
  const prompt = pick(spec.prompts, params.name);
  if (!prompt) throw new JsonRpcError(-32602, `Unknown prompt: ${params.name}`);
  const given = await prompt.get(isObject(params.arguments) ? params.arguments : {}, context);
  return typeof given === "string" ? { messages: [{ role: "user", content: { type: "text", text: given } }] } : given;
}

async function readResource(spec: FakeUpstreamSpec, uri: string, context: FakeContext): Promise<Json> {
  const exact = pick(spec.resources, uri);
  const [, template] = Object.entries(spec.templates ?? {}).find(([pattern]) => templateMatcher(pattern)(uri)) ?? [];
  if (!exact && !template) throw new JsonRpcError(-32002, `Resource not found: ${uri}`, { uri });
  const given = exact ? await exact.read(context) : await template?.read(uri, context);
  const mimeType = (exact ?? template)?.mimeType;
  return typeof given === "string" ? { contents: [{ uri, ...(mimeType !== undefined && { mimeType }), text: given }] } : (given as Json); // one of the two was found
}

/** The own member by this name: a test may ask for a tool called `constructor`. */
function pick<T>(map: Record<string, T> | undefined, name: unknown): T | undefined {
  return map && typeof name === "string" && Object.hasOwn(map, name) ? map[name] : undefined;
}
