import { HostError } from "../errors.ts";
import { isObject, type Json } from "../wire/message.ts";
import type { Surface } from "./offer-surface.ts";
import type { OfferCompletion, OfferContents, OfferContext } from "./offering.ts";

/** Values of one completion that are told (2025-11-25, server/utilities/completion). */
const COMPLETIONS = 100;

/** Calls what a surface has. Gives undefined for a method that it does not have. @throws whatever a handler throws */
export function answerOf(surface: Surface, method: string, params: Json, context: OfferContext): Promise<Json> | undefined {
  switch (method) {
    case "tools/call":
      return callTool(surface, params, context);
    case "prompts/get":
      return getPrompt(surface, params, context);
    case "resources/read":
      return readResource(surface, params, context);
    case "completion/complete":
      return complete(surface, params, context);
    default:
      return undefined;
  }
}

async function callTool(surface: Surface, params: Json, context: OfferContext): Promise<Json> {
  const found = surface.tools.get(String(params.name));
  if (!found) throw invalid(`Unknown tool: ${params.name}`);
  const { tool, input, output } = found;
  const given = params.arguments ?? {};
  const args = input ? await input.check(given) : isObject(given) ? { value: given } : { problems: "- they must be an object" };
  // A model can mend them: so it is told, and not its client (2025-11-25, server/tools, error handling).
  if ("problems" in args) return failed(`The arguments do not fit the tool:\n${args.problems}`);
  const result = toolResult(await tool.call(args.value as Json, context)); // what the schema let through is what its tool takes
  if (!output || result.isError === true) return result;
  const structured = await output.check(result.structuredContent);
  if ("problems" in structured)
    throw new TypeError(`the structured content of "${params.name}" does not fit its output:\n${structured.problems}`);
  return structured.value === result.structuredContent ? result : { ...result, structuredContent: structured.value };
}

/** A tool's failure, for the model. */
export function failed(text: string): Json {
  return { content: [{ type: "text", text }], isError: true };
}

function toolResult(given: unknown): Json {
  if (typeof given === "string") return { content: [{ type: "text", text: given }] };
  if (Array.isArray(given)) return { content: given };
  if (isObject(given)) {
    if (Array.isArray(given.content)) return given;
    // For clients older than structured content (2025-11-25, server/tools, structured content).
    if (isObject(given.structuredContent)) return { ...given, content: [{ type: "text", text: JSON.stringify(given.structuredContent) }] };
  }
  throw new TypeError(`a tool gave ${nameOf(given)}; it gives a text, a list of content, or a result with content or structuredContent`);
}

async function getPrompt(surface: Surface, params: Json, context: OfferContext): Promise<Json> {
  const prompt = surface.prompts.get(String(params.name));
  if (!prompt) throw invalid(`Unknown prompt: ${params.name}`);
  const given = params.arguments ?? {};
  if (!isObject(given) || !isTexts(given)) throw invalid("the arguments of a prompt must be an object of texts");
  const missing = Object.entries(prompt.arguments ?? {}).filter(([name, { required }]) => required && given[name] === undefined);
  if (missing.length > 0) throw invalid(`the prompt "${params.name}" needs ${missing.map(([name]) => `"${name}"`).join(" and ")}`);
  const result: unknown = await prompt.get(given, context);
  if (typeof result === "string") return { messages: [{ role: "user", content: { type: "text", text: result } }] };
  if (isObject(result) && Array.isArray(result.messages)) return result;
  throw new TypeError(`the prompt "${params.name}" gave ${nameOf(result)}; it gives a text or a result with messages`);
}

async function readResource(surface: Surface, params: Json, context: OfferContext): Promise<Json> {
  const uri = String(params.uri);
  const resource = surface.resources.get(uri);
  if (resource) return contentsOf(uri, resource.mimeType, await resource.read(context));
  for (const { template, pattern } of surface.templates.values()) {
    const variables = pattern.match(uri);
    if (variables) return contentsOf(uri, template.mimeType, await template.read(uri, variables, context));
  }
  throw notFound(uri);
}

/** Whether updates of a URI may be waited for. */
export function checkReadable(surface: Surface, uri: string): void {
  if (!surface.resources.has(uri) && ![...surface.templates.values()].some(({ pattern }) => pattern.match(uri))) throw notFound(uri);
}

function contentsOf(uri: string, mimeType: string | undefined, given: OfferContents): Json {
  const type = mimeType !== undefined && { mimeType };
  if (typeof given === "string") return { contents: [{ uri, ...type, text: given }] };
  if (given instanceof Uint8Array) return { contents: [{ uri, ...type, blob: Buffer.from(given).toString("base64") }] };
  if (isObject(given) && Array.isArray(given.contents)) return given;
  throw new TypeError(`the resource "${uri}" gave ${nameOf(given)}; it gives a text, bytes or a result with contents`);
}

async function complete(surface: Surface, params: Json, context: OfferContext): Promise<Json> {
  const { ref, argument } = params;
  if (!isObject(ref) || !isObject(argument) || typeof argument.name !== "string" || typeof argument.value !== "string")
    throw invalid("a completion needs a ref, and an argument with a name and a value");
  const others = isObject(params.context) && isObject(params.context.arguments) ? params.context.arguments : {};
  if (!isTexts(others)) throw invalid("params.context.arguments must be texts");
  const values: unknown = (await completion(surface, ref, argument.name)?.(argument.value, others, context)) ?? [];
  if (!Array.isArray(values)) throw new TypeError(`the completion of "${argument.name}" gave ${nameOf(values)}; it gives a list of texts`);
  return { completion: { values: values.slice(0, COMPLETIONS), total: values.length, hasMore: values.length > COMPLETIONS } };
}

function completion(surface: Surface, ref: Json, argument: string): OfferCompletion | undefined {
  if (ref.type === "ref/prompt") {
    const prompt = surface.prompts.get(String(ref.name));
    if (!prompt) throw invalid(`Unknown prompt: ${ref.name}`);
    return own(prompt.arguments, argument)?.complete;
  }
  const uri = String(ref.uri);
  const found = surface.templates.get(uri) ?? [...surface.templates.values()].find(({ pattern }) => pattern.match(uri));
  return own(found?.template.complete, argument);
}

/** Clients choose the names that are looked up. */
function own<T>(map: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return map && Object.hasOwn(map, name) ? map[name] : undefined;
}

function isTexts(values: Json): values is Record<string, string> {
  return Object.values(values).every((value) => typeof value === "string");
}

function nameOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "a list" : isObject(value) ? "another object" : typeof value;
}

function invalid(message: string): HostError {
  return new HostError("invalid_params", message.slice(0, 512), { sent: "yes" });
}

function notFound(uri: string): HostError {
  return new HostError("resource_not_found", `Resource not found: ${uri.slice(0, 256)}`, { sent: "yes", facts: { uri } });
}
