// The server behind `mcp-host dev` where no config names others: a little of everything that a plugin may meet.
import { McpServer, ResourceTemplate } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";

/** Longest that `slow` takes, in milliseconds, and parts in which it does. */
const LONGEST = 60_000;
const MOST_STEPS = 100;

const NOTE = "sample://note";
const CITIES: Readonly<Record<string, string>> = { oslo: "Oslo has 720,000 people.", lima: "Lima has 10,000,000 people." };

const server = new McpServer(
  { name: "sample", version: "1.0.0" },
  {
    capabilities: { logging: {}, resources: { subscribe: true, listChanged: true } },
    instructions: "A server to try plugins with. Nothing that it says means anything.",
  },
);
const text = (words: string): CallToolResult => ({ content: [{ type: "text", text: words }] });
const failed = (words: string): CallToolResult => ({ ...text(words), isError: true });

server.registerTool(
  "echo",
  { description: "Gives back what it is given.", inputSchema: { text: z.string() }, annotations: { readOnlyHint: true } },
  (given) => text(given.text),
);
server.registerTool(
  "add",
  {
    description: "Adds two numbers; the sum is structured content, too.",
    inputSchema: { a: z.number(), b: z.number() },
    outputSchema: { sum: z.number() },
    annotations: { readOnlyHint: true },
  },
  ({ a, b }) => ({ ...text(String(a + b)), structuredContent: { sum: a + b } }),
);
server.registerTool(
  "fail",
  {
    description: "Fails, with an error in its result. For a JSON-RPC error read sample://city/nowhere.",
    inputSchema: { message: z.string().default("it failed, as it was asked to") },
  },
  ({ message }) => failed(message),
);
server.registerTool(
  "slow",
  {
    description: "Takes its time, and tells how far it is. Ends early when it is cancelled.",
    inputSchema: {
      milliseconds: z.number().min(0).max(LONGEST).default(3_000),
      steps: z.number().int().min(1).max(MOST_STEPS).default(5),
    },
  },
  async ({ milliseconds, steps }, { signal, sendNotification, _meta }) => {
    for (let step = 1; step <= steps; step++) {
      await pause(milliseconds / steps, signal);
      if (signal.aborted) return failed(`cancelled after ${step - 1} of ${steps} steps`);
      const progressToken = _meta?.progressToken;
      if (progressToken !== undefined)
        await sendNotification({ method: "notifications/progress", params: { progressToken, progress: step, total: steps } });
    }
    return text(`done after ${milliseconds} ms`);
  },
);
server.registerTool(
  "ask",
  { description: "Asks the person at the client for a word (elicitation).", inputSchema: { question: z.string().default("Which word?") } },
  async ({ question }) => {
    if (!server.server.getClientCapabilities()?.elicitation) return failed("the client cannot ask anybody: it has no elicitation");
    const { action, content } = await server.server.elicitInput({
      message: question,
      requestedSchema: { type: "object", properties: { word: { type: "string" } }, required: ["word"] },
    });
    return text(action === "accept" ? `the answer is ${JSON.stringify(content?.word)}` : `there is no answer: ${action}`);
  },
);
server.registerTool(
  "think",
  { description: "Asks the client's model (sampling).", inputSchema: { prompt: z.string().default("Say a word.") } },
  async ({ prompt }) => {
    if (!server.server.getClientCapabilities()?.sampling) return failed("the client has no model to ask: it has no sampling");
    const { content, model } = await server.server.createMessage({
      messages: [{ role: "user", content: { type: "text", text: prompt } }],
      maxTokens: 100,
    });
    return text(`${model} says ${JSON.stringify(content)}`);
  },
);
server.registerTool(
  "log",
  { description: "Writes a line to the client's log.", inputSchema: { text: z.string().default("a line of the log") } },
  async (given, { sendNotification }) => {
    await sendNotification({ method: "notifications/message", params: { level: "warning", logger: "sample", data: given.text } });
    return text("written");
  },
);

/** What `change` adds and takes away. */
const extra = [
  server.registerTool("extra", { description: "There after `change`, and gone after the next one." }, () => text("I am new here")),
  server.registerPrompt("extra", { description: "There after `change`, and gone after the next one." }, () => said("What is new here?")),
];
for (const each of extra) each.disable();
server.registerTool(
  "change",
  { description: "Adds the tool and the prompt `extra`, or takes them away; clients hear that their lists changed." },
  () => {
    const isThere = extra.some(({ enabled }) => enabled);
    for (const each of extra) {
      if (isThere) each.disable();
      else each.enable();
    }
    return text(isThere ? "`extra` is gone" : "`extra` is there");
  },
);

let note = "nothing yet";
const subscribed = new Set<string>();
server.server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
  if (params.uri === NOTE) subscribed.add(params.uri); // nothing else changes
  return {};
});
server.server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
  subscribed.delete(params.uri);
  return {};
});
server.registerTool(
  "note",
  { description: `Writes the resource ${NOTE}; whoever subscribed to it hears of that.`, inputSchema: { text: z.string() } },
  async (given) => {
    note = given.text;
    if (subscribed.has(NOTE)) await server.server.sendResourceUpdated({ uri: NOTE });
    return text("noted");
  },
);

server.registerResource("note", NOTE, { description: "What `note` wrote last.", mimeType: "text/plain" }, () => ({
  contents: [{ uri: NOTE, mimeType: "text/plain", text: note }],
}));
server.registerResource(
  "city",
  new ResourceTemplate("sample://city/{name}", {
    list: undefined,
    complete: { name: (start) => Object.keys(CITIES).filter((name) => name.startsWith(start)) },
  }),
  { description: "A city: oslo or lima. Of any other it fails with a JSON-RPC error.", mimeType: "text/plain" },
  (uri, { name }) => {
    const words = typeof name === "string" && Object.hasOwn(CITIES, name) ? CITIES[name] : undefined;
    if (words === undefined) throw new Error(`there is no city ${JSON.stringify(name)}`);
    return { contents: [{ uri: uri.href, mimeType: "text/plain", text: words }] };
  },
);

const said = (words: string) => ({ messages: [{ role: "user" as const, content: { type: "text" as const, text: words } }] });
server.registerPrompt("greet", { description: "Has the model greet somebody.", argsSchema: { name: z.string() } }, ({ name }) =>
  said(`Greet ${name}.`),
);

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

await server.connect(new StdioServerTransport());
