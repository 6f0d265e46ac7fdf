// A chat with the tools of several MCP servers: node examples/chat-backend/main.mjs
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createHost } from "mcp-host";
import OpenAI from "openai";
import { backend } from "./backend.mjs";

const file = process.env.CHAT_CONFIG ? resolve(process.env.CHAT_CONFIG) : fileURLToPath(new URL("mcp-host.config.json", import.meta.url));
const read = () => JSON.parse(readFileSync(file, "utf8"));

const host = createHost(read(), { folder: dirname(file), operator: { reload: async () => host.reload(read()) } });
// The first question finds every server's tools: each is started, and known or known to be down, or slower than ten seconds.
await host.start();
await host.known(10_000);

// OPENAI_BASE_URL and OPENAI_API_KEY are the client's own variables. Servers on this machine seldom want a key.
const client = new OpenAI({ apiKey: process.env.OPENAI_API_KEY ?? "none", maxRetries: 2, timeout: 60_000 });
const model = { client, name: process.env.OPENAI_MODEL ?? "gpt-4o-mini" };

// Nobody says who users are, so the guard lets in this machine alone, and whoever sits at it is the operator. With users of its own a
// program gives `host.guard({ authenticate })`, and their roles say who manages the host.
const guard = host.guard();
const isOperator = ({ id, roles }) => id === "anonymous" || roles.includes("operator");

const server = createServer(backend({ host, model, guard, isOperator }));
server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));

process.once("SIGTERM", async () => {
  server.close();
  await host.close();
  server.closeAllConnections();
});
