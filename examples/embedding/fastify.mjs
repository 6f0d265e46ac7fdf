// A host in Fastify: node examples/embedding/fastify.mjs
import Fastify from "fastify";
import { host } from "./host.mjs";

const app = Fastify({ forceCloseConnections: true });

app.register(async (scope) => {
  const mcp = host.handler();
  // Here and nowhere else Fastify leaves bodies alone: the host reads them itself, within its limits.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
  scope.all("/mcp", (request, reply) => {
    reply.hijack(); // the host answers
    mcp(request.raw, reply.raw);
  });
});

app.get("/hello", async () => {
  const { content } = await host.callTool("greet", { name: "reader" });
  return content[0].text;
});

await host.start();
console.log(`${await app.listen({ port: Number(process.env.PORT ?? 3000), host: "127.0.0.1" })}/mcp`);

process.once("SIGTERM", async () => {
  await host.close();
  await app.close();
});
