// A server that has nothing of what the suite asks for: `node other.mjs NAME` on stdio. Two of them beside the fixture show
// that the host finds the owner of a name. Their own names carry NAME, except for the tool `about`, which every one of them
// has: a conflict that must not touch anybody else's names.

import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import {
  CallToolRequestSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";

const name = process.argv[2] ?? "other";
const text = `This is ${name}.`;
const inputSchema = { type: "object", properties: {} };

const server = new Server({ name, version: "1.0.0" }, { capabilities: { tools: {}, resources: {}, prompts: {} } });
const answers = [
  [
    ListToolsRequestSchema,
    () => ({
      tools: [
        { name: "about", description: "Says whose server this is", inputSchema },
        { name: `${name}_lookup`, description: `Looks into ${name}`, inputSchema },
      ],
    }),
  ],
  [CallToolRequestSchema, () => ({ content: [{ type: "text", text }] })],
  [ListResourcesRequestSchema, () => ({ resources: [{ uri: `${name}://about`, name: `${name}-about`, mimeType: "text/plain" }] })],
  [ReadResourceRequestSchema, ({ params: { uri } }) => ({ contents: [{ uri, mimeType: "text/plain", text }] })],
  [ListPromptsRequestSchema, () => ({ prompts: [{ name: `${name}_prompt`, description: `Asks about ${name}` }] })],
  [GetPromptRequestSchema, () => ({ messages: [{ role: "user", content: { type: "text", text } }] })],
];
for (const [schema, answer] of answers) server.setRequestHandler(schema, answer);

// The SDK's transport does not end with its input; a server whose client is gone must.
process.stdin.once("close", () => process.exit(0));
await server.connect(new StdioServerTransport());
