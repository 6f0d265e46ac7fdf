import type { Json } from "mcp-host";
import { expect, test } from "vitest";
import { type ReceivedSpan, receiver } from "../../packages/plugin-otel/test/receiver.ts";
import { clientOf, home, run, start } from "../harness/cli.ts";
import { httpProcess, upstream } from "../harness/hosts.ts";

/** The config of a host that tells whom a variable names. */
const config = (mcpServers: Json, options: Json = {}): Json => ({
  listen: { port: 0 },
  mcpServers,
  plugins: [["@host/plugin-otel", { endpoint: "${COLLECTOR:-}", traces: { ratio: 1 }, ...options }]],
});

test("a host that is started and stopped from the command line tells everything, servers over stdio and HTTP included", async () => {
  await using to = await receiver();
  const far = await httpProcess("upstream", ["http", "--options", JSON.stringify({ name: "far", prefix: "far_" })]);
  try {
    using at = home(config({ near: upstream({ name: "near" }), far: { url: far.url } }));
    await using running = start(at, ["start", "http", "--port", "0", "--log-format", "json"], { COLLECTOR: to.url });
    const client = await clientOf(running);
    for (const name of ["echo", "far_echo"]) await client.callTool({ name, arguments: { text: "hello" } });
    const status = JSON.parse((await run(at, ["status", "--json"])).stdout) as { reports: { otel: Json } }[] | { reports: { otel: Json } };
    const [{ reports }] = [status].flat() as [{ reports: { otel: Json } }];
    // What a variable held is taken for a secret.
    expect(reports.otel).toMatchObject({ traces: { url: "[redacted]/v1/traces", dropped: {}, failures: 0 } });
    await client.close();
    running.child.kill("SIGTERM");
    expect(await running.exited).toMatchObject({ code: 0 });
  } finally {
    await far.stop();
  }
  const spans = (kind: ReceivedSpan["kind"]): ReceivedSpan[] =>
    to.spans.filter((span) => span.kind === kind && span.name.startsWith("tools/call"));
  expect(spans("SERVER").map(({ name }) => name)).toEqual(["tools/call echo", "tools/call far_echo"]);
  expect(
    spans("CLIENT").map(({ attributes }) => [attributes["mcp_host.upstream"], attributes["network.transport"], attributes["server.port"]]),
  ).toEqual([
    ["near", "pipe", undefined],
    ["far", "tcp", Number(new URL(far.url).port)],
  ]);
  expect(spans("SERVER")[0]?.attributes["network.protocol.name"]).toBe("http");
  expect(to.metric("mcp.server.operation.duration")?.points.length).toBeGreaterThan(0);
  expect(to.lines.length).toBeGreaterThan(0);
});

test("where the variable is not set it is off, and commands that start a host for themselves tell nothing", async () => {
  await using to = await receiver();
  using at = home(config({ near: upstream({ name: "near" }) }));
  expect(await run(at, ["inspect"])).toMatchObject({ code: 0, stdout: expect.stringContaining("otel") });
  expect(await run(at, ["call", "echo", "--args", JSON.stringify({ text: "hello" })], { COLLECTOR: to.url })).toMatchObject({ code: 0 });
  expect(await run(at, ["list"], { COLLECTOR: to.url })).toMatchObject({ code: 0 });
  expect(to.requests).toEqual([]);
});

test("doctor says whether the collector takes what it is sent", async () => {
  await using to = await receiver();
  using at = home(config({}));
  const doctor = async (env: Record<string, string>): Promise<string> => (await run(at, ["doctor"], env)).stdout.replace(/\s+/g, " ");
  expect(await doctor({ COLLECTOR: to.url })).toContain("the collector takes traces");
  expect(to.spans).toEqual([]);
  to.refuse = (_, response) => {
    response.writeHead(401).end();
    return false;
  };
  expect(await doctor({ COLLECTOR: to.url })).toContain("the collector does not take metrics: it answered with HTTP 401");
  expect(await doctor({})).toContain("off, for there is no endpoint");
});

test("options that cannot be are refused with place and remedy", async () => {
  using at = home(config({}, { endpoint: "collector:4317" }));
  const { code, stderr, stdout } = await run(at, ["validate"]);
  expect(code).not.toBe(0);
  expect(stderr + stdout).toContain("plugins[0].options.endpoint");
  expect(stderr + stdout).toContain("must be an http:// or https:// URL");
});
