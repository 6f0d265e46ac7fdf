#!/usr/bin/env node
// What `mcp-host init` writes into a config that would be empty: an MCP server that is surely there, with one tool.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { z } from "zod";

const server = new McpServer({ name: "hello", version: "1.0.0" });
server.registerTool(
  "hello",
  { description: "Greets somebody, to show that a call arrives.", inputSchema: { name: z.string().default("world") } },
  ({ name }) => ({ content: [{ type: "text", text: `Hello, ${name}!` }] }),
);
await server.connect(new StdioServerTransport());
