// The database server of the example: a table of orders. Yours would be one that asks a real database.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { z } from "zod";

const ORDERS = [
  { id: 1001, customer: "Ada", article: "kettle", state: "delivered" },
  { id: 1002, customer: "Ada", article: "lamp", state: "late" },
  { id: 1003, customer: "Grace", article: "kettle", state: "late" },
];

const server = new McpServer({ name: "orders", version: "1.0.0" });
server.registerTool(
  "query",
  {
    description: "Gives the orders that have this state, or are this customer's, or both.",
    inputSchema: { state: z.enum(["delivered", "late"]).optional(), customer: z.string().optional() },
    annotations: { readOnlyHint: true },
  },
  ({ state, customer }) => {
    const found = ORDERS.filter((order) => (state ?? order.state) === order.state && (customer ?? order.customer) === order.customer);
    return { content: [{ type: "text", text: JSON.stringify(found) }] };
  },
);
await server.connect(new StdioServerTransport());
