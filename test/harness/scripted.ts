import { MARKED } from "./hosts.ts";

/**
 * A stdio server in a process of its own that is nothing but a script. It is run for every message that comes (`message`, with its
 * `id`, `method` and `params`), and gives the result, an `Error` with the words of one, or nothing; `say(value)` writes a line, and what is
 * kept in `state` stays. Where it says nothing about `initialize` or a list, a server with the tools `ok` and `bad` does.
 * @param first run before anything is read
 */
export function scripted(script: string, first = "") {
  const program = `
    const say = (value) => process.stdout.write((typeof value === "string" ? value : JSON.stringify(value)) + "\\n");
    const state = {};
    const act = new Function("message", "id", "method", "params", "say", "state", "require", ${JSON.stringify(script)});
    const usual = {
      initialize: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "scripted", version: "1" } },
      "tools/list": { tools: ["ok", "bad"].map((name) => ({ name, inputSchema: { type: "object" } })) },
      ping: {},
    };
    ${first}
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const message = JSON.parse(line);
      const { id, method, params = {} } = message;
      const given = act(message, id, method, params, say, state, require) ?? usual[method];
      if (id === undefined || given === undefined) return;
      if (given instanceof Error) say({ jsonrpc: "2.0", id, error: { code: -32000, message: given.message } });
      else say({ jsonrpc: "2.0", id, result: given });
    });`;
  return { command: process.execPath, args: ["-e", program], env: MARKED };
}
