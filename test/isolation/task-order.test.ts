import { expect, test, vi } from "vitest";
import { startHost, temporary } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** A server that tells of a task in the same breath as it gives it: all of it is in one chunk, and so is read in one turn. */
const SERVER = `
import { createInterface } from "node:readline";
const related = { "io.modelcontextprotocol/related-task": { taskId: "native" } };
const line = (message) => JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n";
createInterface({ input: process.stdin }).on("line", (text) => {
  const { id, method, params } = JSON.parse(text);
  if (id === undefined || method === undefined) return;
  const task = { taskId: "native", status: "working", createdAt: "2026-01-01T00:00:00Z", lastUpdatedAt: "2026-01-01T00:00:00Z", ttl: 60000 };
  const results = {
    initialize: {
      protocolVersion: params?.protocolVersion,
      serverInfo: { name: "tasks", version: "1" },
      capabilities: { tools: {}, logging: {}, tasks: { requests: { tools: { call: {} } } } },
    },
    "tools/list": { tools: [{ name: "work", inputSchema: { type: "object" }, execution: { taskSupport: "optional" } }] },
    "tools/call": { task },
  };
  const answer = line({ id, result: results[method] ?? {} });
  if (method !== "tools/call") return process.stdout.write(answer);
  process.stdout.write(
    answer +
      line({ id: "q", method: "elicitation/create", params: { message: "Really?", requestedSchema: { type: "object", properties: {} }, _meta: related } }) +
      line({ method: "notifications/tasks/status", params: { ...task, status: "input_required" } }) +
      line({ method: "notifications/message", params: { level: "error", data: "about it", _meta: related } }),
  );
});
`;

test("what a server says of a task right behind the task itself goes to its owner, under the id that the owner knows", async () => {
  using folder = temporary({ "server.mjs": SERVER });
  const server = { command: process.execPath, args: [`${folder.path}/server.mjs`], isolation: "session" };
  await using running = await startHost({ mcpServers: { server } });
  const client = await RawHttp.open(running.url, { capabilities: { elicitation: {} } });
  const stream = await client.listen();
  const { taskId } = (await client.ask("tools/call", { name: "work", arguments: {}, task: {} })).result.task;
  expect(taskId).not.toBe("native");
  const about = () =>
    stream.messages.map(({ method, params }) => [method, params.taskId ?? params._meta?.["io.modelcontextprotocol/related-task"]?.taskId]);
  await vi.waitFor(() => expect(about()).toContainEqual(["notifications/message", expect.anything()]));
  expect(about()).toEqual([
    ["elicitation/create", taskId],
    ["notifications/tasks/status", taskId],
    ["notifications/message", taskId],
  ]);
  stream.close();
  await client.close();
});
