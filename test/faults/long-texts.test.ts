import { createHmac } from "node:crypto";
import { auth } from "@host/plugin-auth";
import { cache } from "@host/plugin-cache";
import { metrics } from "@host/plugin-metrics";
import { namespace } from "@host/plugin-namespace";
import { resilience } from "@host/plugin-resilience";
import { transform } from "@host/plugin-transform";
import { FakeRpcError, fakeUpstream } from "mcp-host/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectLinear } from "../harness/growth.ts";
import { startHost, type TestHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

const PEPPER = "a pepper for this test alone";
const KEY = `mcph_alice_${createHmac("sha256", "keys").update("alice").digest("base64url")}`;
const GLOBS = ["file:///**/private/**/*.pem", "*a*a*a*b", "**/{a,b,1}/**/{.,/}*.{pem,key}"];

/** What nothing but its own speed keeps short: each is hard on something else. */
const SEEDS = [
  "-eyJaaaaaaaa",
  "/private/",
  "a",
  "%2e%2e%2f",
  "4111 1111 ",
  "a@a.",
  "1:",
  "\u001b[",
  "-----BEGIN PRIVATE KEY-----",
  "{a}",
  "?a=b&",
  "\\",
];

// A hostile server, whose words the test chooses.
let words = "";
const server = fakeUpstream({
  tools: {
    say: () => words,
    structured: () => ({ [words.slice(0, 1_000)]: words, deep: [{ words }] }),
    fail: () => {
      throw new FakeRpcError(-32603, words, { words });
    },
    wrong: () => ({ content: [{ type: "text", text: words }], isError: true }),
    tell: (_args, { log, progress }) => {
      log("error", words);
      log("info", { words, logger: words });
      progress(1, 2, words);
      return "told";
    },
    link: () => ({ content: [{ type: "resource_link", uri: `file:///${words}`, name: words }] }),
  },
  prompts: { ask: { get: () => words } },
  resources: { "file:///one": { read: () => words } },
  templates: { "file:///{path}": { read: () => words } },
  complete: () => [words],
});
const other = fakeUpstream({ tools: { idle: () => "idle" }, resources: { "other://one": { read: () => "one" } } });

let running: TestHost;
let client: RawHttp;

beforeAll(async () => {
  running = await startHost({
    mcpServers: { server: { transport: server.transport }, other: { transport: other.transport } },
    slowCall: 0,
    plugins: [
      auth({
        apiKeys: {
          pepper: PEPPER,
          keys: [{ id: "alice", digest: createHmac("sha256", PEPPER).update(KEY).digest("base64url"), roles: [] }],
        },
        default: "allow",
        rules: [
          { deny: { resources: GLOBS, tools: ["*a*a*a*b"], prompts: GLOBS, methods: GLOBS } },
          { deny: { tools: ["*"] }, when: 'arguments.text.contains("nowhere to be found") || name.endsWith("!")' },
          { allow: { servers: ["*"] } },
        ],
      }),
      metrics({ principals: 10 }),
      transform({
        detectors: { customer: "\\bC-\\d+\\b", mail: "[\\w.]{1,8}@[\\w\\-]{1,63}\\.test" },
        rules: [
          { match: GLOBS, redact: ["pem"] },
          { match: ["server:*"], redact: { fields: ["ssn"] }, strip: true, result: { truncate: { max: 2_000, unit: "tokens" } } },
          {
            match: ["server:say"],
            validate: { arguments: { properties: { text: { type: "string" } }, additionalProperties: { type: "string" } } },
          },
        ],
      }),
      namespace(),
      cache({ resources: ["*"], except: GLOBS, tools: ["*structured"], ignoreMeta: ["vendor/*a*b"] }),
      resilience({ tools: [{ match: ["*a*a*b", ...GLOBS], retry: false }] }),
    ],
  });
  await running.host.known(10_000);
  client = await RawHttp.open(running.url, { headers: { authorization: `Bearer ${KEY}` } });
});
afterAll(async () => {
  await client.close();
  await running[Symbol.asyncDispose]();
});

const call = (name: string, args: object = {}, meta: object = {}) =>
  client.ask("tools/call", { name: `server__${name}`, arguments: { text: "x", ...args }, _meta: meta });
const said =
  (ask: () => Promise<unknown>) =>
  async (text: string): Promise<void> => {
    words = text;
    await ask();
  };

const PLACES: Readonly<Record<string, (text: string) => unknown>> = {
  "a server's result": said(() => call("say")),
  "a server's structured result": said(() => call("structured")),
  "a server's error": said(() => call("fail")),
  "a result that is an error": said(() => call("wrong")),
  "a server's log and progress": said(() => call("tell", {}, { progressToken: "p" })),
  "a link in a result": said(() => call("link")),
  "a prompt": said(() => client.ask("prompts/get", { name: "server__ask" })),
  "a resource": said(() => client.ask("resources/read", { uri: "file:///one" })),
  "a completion": said(() =>
    client.ask("completion/complete", { ref: { type: "ref/prompt", name: "server__ask" }, argument: { name: "a", value: "b" } }),
  ),
  "what a server lists": (text) => {
    const tools = { [text]: () => "", [text.slice(0, 1_000)]: { description: text, title: text, call: () => "" } };
    server.set({ tools, resources: { [text]: { read: () => "" }, [text.slice(0, 8_000)]: { name: text, read: () => "" } } });
    return client.ask("tools/list");
  },
  "a name of a client's": (text) => call(text),
  "a URI of a client's": (text) => client.ask("resources/read", { uri: `file:///${text}` }),
  "a URI that is as long as it may be": (text) => client.ask("resources/read", { uri: `file:///${text}`.slice(0, 8_000) }),
  "a subscription": (text) => client.ask("resources/subscribe", { uri: `file:///${text}`.slice(0, 8_000) }),
  "a reference": (text) =>
    client.ask("completion/complete", { ref: { type: "ref/resource", uri: text }, argument: { name: text, value: text } }),
  "a method": (text) => client.ask(text),
  arguments: (text) => call("say", { text, [text]: text, deep: [{ [text]: text }] }),
  "meta data": (text) => call("idle", {}, { traceparent: text, progressToken: text.slice(0, 200), [`vendor/${text}`]: text }),
  "a task": (text) => client.ask("tasks/get", { taskId: text }),
  "a level": (text) => client.ask("logging/setLevel", { level: text }),
  "a cancellation": (text) => client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: text, reason: text } }),
};

test.each(Object.entries(PLACES))(
  "%s takes CPU time linear in the text, through every plugin",
  { timeout: 300_000 },
  async (place, job) => {
    for (const seed of SEEDS) await expectLinear(place, seed, job);
  },
);

test("what was said stays within bounds: in the log, in the status, in the metrics", async () => {
  words = "-eyJaaaaaaaa".repeat(25_000);
  const before = running.logs.length;
  await call("fail");
  const lines = running.logs.slice(before).map((line) => JSON.stringify(line).length);
  expect(lines.length).toBeGreaterThan(0);
  expect(Math.max(...lines)).toBeLessThan(20_000);
  expect(running.logs.some(({ message }) => message === "a request failed inside the host")).toBe(false);
  await expectLinear("the status", "a", () => running.host.status());
  const scraped = await fetch(new URL("/metrics", running.url));
  expect((await scraped.text()).length).toBeLessThan(2_000_000);
});
