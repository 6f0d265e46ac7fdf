// A host in Express: node examples/embedding/express.mjs
import express from "express";
import { host } from "./host.mjs";

const app = express();
app.use("/mcp", host.handler()); // before body parsers: the host reads bodies itself, within its limits
app.use(express.json());
app.get("/hello", async (_request, response) => {
  const { content } = await host.callTool("greet", { name: "reader" });
  response.send(content[0].text);
});

await host.start();
const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/mcp`);
});

process.once("SIGTERM", async () => {
  server.close();
  await host.close();
  server.closeAllConnections();
});
