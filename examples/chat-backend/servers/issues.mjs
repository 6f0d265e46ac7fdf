// The issue server of the example: a tracker in memory.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { z } from "zod";

const ISSUES = [
  { id: "SHOP-7", title: "The carrier lost the pallet with order 1002", state: "open" },
  { id: "SHOP-9", title: "Order 1003 waits for its kettle", state: "open" },
  { id: "SHOP-4", title: "The label printer is out of paper", state: "closed" },
];

const server = new McpServer({ name: "issues", version: "1.0.0" });
server.registerTool(
  "search",
  {
    description: "Finds the issues whose title holds a text.",
    inputSchema: { text: z.string().min(1) },
    annotations: { readOnlyHint: true },
  },
  ({ text }) => ({
    content: [{ type: "text", text: JSON.stringify(ISSUES.filter(({ title }) => title.toLowerCase().includes(text.toLowerCase()))) }],
  }),
);
await server.connect(new StdioServerTransport());
