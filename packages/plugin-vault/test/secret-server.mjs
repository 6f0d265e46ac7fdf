// An MCP server that tells its environment: `show` at once, `wait` once the file of its argument is there.
import { existsSync } from "node:fs";
import { onLines } from "../../../test/fixtures/lines.mjs";

process.stderr.write(`started with ${process.env.TOKEN} and ${process.env.LABEL}\n`);
const answer = (id, result) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
// What is secret stands first and last: at either end of the text a trace shows what is beside a change.
const { TOKEN, LABEL, KEY, ...others } = process.env;
const env = () => ({ content: [{ type: "text", text: JSON.stringify({ TOKEN, ...others, LABEL, KEY }) }] });
const tools = ["show", "wait"].map((name) => ({ name, inputSchema: { type: "object" } }));

onLines(process.stdin, (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === "initialize")
    answer(id, { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "secret-server", version: "1.0.0" } });
  else if (method === "tools/list") answer(id, { tools });
  else if (method === "tools/call" && params.name === "show") answer(id, env());
  else if (method === "tools/call") {
    process.stderr.write(`waiting with ${process.env.TOKEN}\n`);
    const look = setInterval(() => {
      if (!existsSync(params.arguments.file)) return;
      clearInterval(look);
      answer(id, env());
    }, 5);
  } else if (id !== undefined) answer(id, {});
});
process.stdin.on("end", () => process.exit(0));
