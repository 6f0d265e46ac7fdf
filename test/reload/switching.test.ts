import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { httpPipe, RawClient } from "../fidelity/raw.ts";
import { createWorld, inProcessTransport, type Message } from "../fixtures/upstream.mjs";
import { httpProcess, startHost, upstream } from "../harness/hosts.ts";

const WIRES = ["http", "sse", "websocket", "transport"] as const;

/** What no two runs have in common. */
const OWN = /upstream\/\d+\/\d+\/[0-9a-f-]{36}|"(requestId|taskId)":"[^"]+"/g;

const CLIENT = { sampling: {}, roots: {}, elicitation: {} };

const REQUESTS: [method: string, params?: Message][] = [
  ["ping"],
  ["tools/list"],
  ["prompts/list"],
  ["resources/list"],
  ["resources/templates/list"],
  ["tools/call", { name: "echo", arguments: { text: "ä\u2028", steps: 2 }, _meta: { progressToken: "p", "example.test/x": 1 } }],
  ["tools/call", { name: "isError", arguments: {} }],
  ["tools/call", { name: "fail", arguments: {} }],
  ["tools/call", { name: "nowhere", arguments: {} }],
  ["tools/call", { name: "capabilities", arguments: {} }],
  ["prompts/get", { name: "nowhere" }],
  ["resources/read", { uri: "test://upstream/text" }],
  ["resources/read", { uri: "test://upstream/nowhere" }],
  ["completion/complete", { ref: { type: "ref/prompt", name: "nowhere" }, argument: { name: "a", value: "b" } }],
  ["tools/call", { name: "echo", arguments: {}, task: { ttl: 1_000 } }],
  ["tasks/get", { taskId: "nowhere" }],
  ["vendor/any", { n: [1, null] }],
  ["no/such/method"],
];

/** What needs a connection of the client's own, where a wire does not say which call a message belongs to. */
const PERSONAL: typeof REQUESTS = [
  ["tools/call", { name: "sample", arguments: {} }],
  ["tools/call", { name: "elicit", arguments: {} }],
  ["tools/call", { name: "roots", arguments: {} }],
];

/** All that a client sees of a server over a wire: the answers, and what it was told and asked besides. */
async function seenOver(wire: "stdio" | (typeof WIRES)[number], isolation: "shared" | "session") {
  const world = createWorld();
  const server =
    wire === "stdio"
      ? { ...upstream(), relayRoots: true }
      : wire === "transport"
        ? { transport: () => inProcessTransport(undefined, world) }
        : { type: wire, url: urls.get(wire) ?? "" };
  await using running = await startHost({ mcpServers: { one: { ...server, healthInterval: 0, isolation } } });
  const client = await RawClient.open((deliver) => httpPipe(running.url, deliver));
  client.answer = ({ method }) => ({
    result: method === "roots/list" ? { roots: [{ uri: "file:///a" }] } : { role: "assistant", model: "m", content: [], action: "decline" },
  });
  const words = (message: Message): string => {
    const { id: _, ...rest } = message;
    return JSON.stringify(rest).replace(OWN, "…");
  };
  const answers = [JSON.stringify(await client.initialize(isolation === "session" ? CLIENT : {}))];
  // Logs reach a client only where they can be told to be its own: at this level there are some, or none.
  await client.request("logging/setLevel", { level: isolation === "session" ? "info" : "error" });
  const requests = isolation === "session" ? [...REQUESTS, ...PERSONAL] : REQUESTS;
  for (const [method, params] of requests) answers.push(`${method} ${words(await client.request(method, params))}`);
  const told = () => client.received.filter(({ message }) => message.method !== undefined).map(({ message }) => words(message));
  // Two steps of progress; two logs and three questions.
  await vi.waitFor(() => expect(told()).toHaveLength(isolation === "session" ? 7 : 2));
  await client.pipe.close();
  return { answers, told: told().sort() };
}

const urls = new Map<string, string>();
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  for (const wire of ["http", "sse", "websocket"]) {
    const { url, stop } = await httpProcess("upstream", [wire]);
    urls.set(wire, url);
    ends.push(stop);
  }
});
afterAll(() => Promise.all(ends.map((end) => end())));

test.each(["shared", "session"] as const)("switching a server between wires changes nothing that a client sees (%s)", async (isolation) => {
  const before = await seenOver("stdio", isolation);
  expect(before.answers.join("\n")).toContain("example.test/x");
  for (const wire of WIRES) expect(await seenOver(wire, isolation)).toEqual(before);
});
