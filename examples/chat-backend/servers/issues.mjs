// The issue server of the example: a tracker in memory. It speaks MCP with sessions and without (2026-07-28).
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

const ISSUES = [
  { id: "SHOP-7", title: "The carrier lost the pallet with order 1002", state: "open" },
  { id: "SHOP-9", title: "Order 1003 waits for its kettle", state: "open" },
  { id: "SHOP-4", title: "The label printer is out of paper", state: "closed" },
];

function makeServer() {
  const server = new McpServer({ name: "issues", version: "1.0.0" });
  server.registerTool(
    "search",
    {
      description: "Finds the issues whose title holds a text.",
      inputSchema: z.object({ text: z.string().min(1) }),
      annotations: { readOnlyHint: true },
    },
    ({ text }) => ({
      content: [{ type: "text", text: JSON.stringify(ISSUES.filter(({ title }) => title.toLowerCase().includes(text.toLowerCase()))) }],
    }),
  );
  return server;
}

serveStdio(makeServer);
