// A host in a plain Node server: node examples/embedding/http.mjs
import { createServer } from "node:http";
import { host } from "./host.mjs";

const mcp = host.handler();
await host.start(); // fails here, and not with the first request, if something is wrong with the config

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  if (pathname === "/mcp") return mcp(request, response);
  if (pathname === "/hello") {
    // The program may use the same tools as its MCP clients.
    const { content } = await host.callTool("greet", { name: "reader" });
    return response.end(content[0].text);
  }
  response.writeHead(404).end();
});

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/mcp`);
});

process.once("SIGTERM", async () => {
  server.close();
  await host.close();
  server.closeAllConnections();
});
