// A host in Hono on Node: node examples/embedding/hono.mjs
import { serve } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono } from "hono";
import { host } from "./host.mjs";

const app = new Hono();
const mcp = host.handler();
app.all("/mcp", (c) => {
  mcp(c.env.incoming, c.env.outgoing); // Node's own request and response
  return RESPONSE_ALREADY_SENT;
});
app.get("/hello", async (c) => {
  const { content } = await host.callTool("greet", { name: "reader" });
  return c.text(content[0].text);
});

await host.start();
const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: "127.0.0.1" }, ({ port }) => {
  console.log(`http://127.0.0.1:${port}/mcp`);
});

process.once("SIGTERM", async () => {
  server.close();
  await host.close();
  server.closeAllConnections();
});
