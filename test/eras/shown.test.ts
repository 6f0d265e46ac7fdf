import { metrics } from "@host/plugin-metrics";
import { expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { home, run, start } from "../harness/cli.ts";
import { httpProcess, MARKED, ROOT, startHost, upstream } from "../harness/hosts.ts";
import { ModernHttp } from "../harness/modern-client.ts";
import { RawHttp } from "../harness/raw-http.ts";

const modern = (...args: string[]) => ({ command: process.execPath, args: [`${ROOT}/test/fixtures/modern.mjs`, ...args], env: MARKED });
const ASKS = { params: { message: "Deploy?", requestedSchema: { type: "object", properties: {} } } };
const asking = { meta: { "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } } } };

test("status shows the era of each server and client, callers beside sessions, and how many calls are parked", async () => {
  const old = await httpProcess("upstream", ["http"]);
  using at = home({ mcpServers: { old: { url: old.url }, now: modern() } });
  await using running = start(at, ["start", "--port", "0", "--log-format", "json", "--debug"]);
  await vi.waitFor(() => expect(running.stderr()).toContain("the host listens"));
  const url = new URL(/"url":"([^"]+)"/.exec(running.stderr())?.[1] ?? "");
  const legacy = await RawHttp.open(url, { name: "of-old" });
  await legacy.call("echo");
  const { result } = await new ModernHttp(url).call("elicit", ASKS, asking);
  expect(result).toMatchObject({ resultType: "input_required" });
  const status = async (...args: string[]): Promise<string> => (await run(at, ["status", ...args])).stdout;
  const shown = await status();
  expect(shown).toContain("1 session, 1 caller of MCP 2026-07-28, 1 request in flight, 1 call parked until its client answers\n");
  expect(shown).toMatch(/^old +ready .* 2025-11-25 /m);
  expect(shown).toMatch(/^now +ready .* 2026-07-28 /m);
  expect(shown).toMatch(/^of-old 1\S* +2025-11-25 +anonymous /m);
  expect(shown).toMatch(/^raw-modern 1 +2026-07-28 +anonymous /m);
  expect(JSON.parse(await status("--json"))).toMatchObject({
    sessions: 1,
    callers: 1,
    parked: 1,
    upstreams: [
      { name: "old", era: "legacy", protocolVersion: "2025-11-25" },
      { name: "now", era: "modern", protocolVersion: "2026-07-28" },
    ],
    clients: [
      { name: "of-old", era: "legacy" },
      { name: "raw-modern", era: "modern", protocolVersion: "2026-07-28" },
    ],
  });
  const lines = running
    .stderr()
    .split("\n")
    .filter(Boolean)
    .map((line): Message => JSON.parse(line));
  expect(lines.find(({ message, method }) => message === "a request was answered" && method === "tools/call")).toMatchObject({
    era: "legacy",
    session: expect.any(String),
  });
  await legacy.close();
  await old.stop();
});

test("list tells which version each server speaks, unless all are of the legacy era", async () => {
  const old = upstream();
  using both = home({ mcpServers: { old, now: modern() } });
  const listed = await run(both, ["list"]);
  expect(listed.stderr).toMatch(/^mcp-host: old speaks MCP 2025-11-25, now speaks MCP 2026-07-28\n/);
  expect(listed.stdout).toMatch(/^echo /m);
  using one = home({ mcpServers: { old } });
  expect((await run(one, ["list"])).stderr).toBe("");
});

test("metrics tell the eras of clients and servers, what requests were answered with, and what is parked", async () => {
  const old = await httpProcess("upstream", ["http"]);
  await using running = await startHost({
    mcpServers: { old: { url: old.url }, now: modern() },
    plugins: [metrics({ open: true })],
  });
  await vi.waitFor(() => expect(running.host.status().upstreams[1]).toMatchObject({ state: "ready" }));
  const legacy = await RawHttp.open(running.url);
  await legacy.call("echo");
  const client = new ModernHttp(running.url);
  await client.call("structured");
  await client.call("nosuch");
  expect((await client.call("elicit", ASKS, asking)).result).toMatchObject({ resultType: "input_required" });
  expect((await client.call("confirm", {}, asking)).result).toMatchObject({ resultType: "input_required" });
  const scraped = await (await fetch(new URL("/metrics", running.url))).text();
  const counted = (labels: string): string | undefined =>
    new RegExp(`^mcp_host_requests_total\\{${labels}\\} (\\d+)$`, "m").exec(scraped)?.[1];
  const of = 'mcp_method_name="tools/call",era=';
  expect(counted(`${of}"legacy",kind="complete"`)).toBe("1");
  expect(counted(`${of}"modern",kind="complete"`)).toBe("1");
  expect(counted(`${of}"modern"`)).toBe("1");
  expect(counted(`${of}"modern",kind="input_required"`)).toBe("1"); // the other one goes on with its client's answers
  expect(scraped).toContain('mcp_host_upstream_info{upstream="old",era="legacy",mcp_protocol_version="2025-11-25"} 1');
  expect(scraped).toContain('mcp_host_upstream_info{upstream="now",era="modern",mcp_protocol_version="2026-07-28"} 1');
  expect(scraped).toMatch(/^mcp_host_requests_parked 1$/m);
  expect(scraped).toMatch(/^mcp_host_callers [12]$/m);
  const stats = (await (await fetch(new URL("/stats", running.url))).json()) as Message;
  expect(stats.requests.kinds).toContainEqual({ method: "tools/call", era: "modern", kind: "complete", count: 1 });
  expect(stats).toMatchObject({ parked: 1, upstreams: [{ era: "legacy" }, { era: "modern" }] });
  await legacy.close();
  await old.stop();
});

test("doctor and validate --connect tell which stdio servers speak both eras, and what that is good for", async () => {
  const mcpServers = {
    both: modern("auto"),
    told: { ...modern("auto"), protocol: "legacy" },
    old: upstream({ only: ["echo"] }),
    now: { ...modern(), protocol: "modern" },
    wrong: { ...upstream(), protocol: "modern" },
  };
  using at = home({ listen: { port: 0 }, mcpServers });
  const doctor = await run(at, ["doctor", "--json"]);
  const { findings } = JSON.parse(doctor.stdout) as { findings: Message[] };
  expect(findings.filter(({ id }) => id === "server-both-eras")).toEqual([
    {
      id: "server-both-eras",
      level: "ok",
      about: "both",
      found: "it speaks MCP 2026-07-28, too",
      remedy: expect.stringContaining('"protocol": "modern"'),
    },
  ]);
  expect(findings.find(({ id }) => id === "server-down")).toMatchObject({
    about: "wrong",
    remedy: expect.stringContaining('Take `"protocol": "modern"` out of it'),
  });
  const { stdout } = await run(at, ["validate", "--connect", "--json"]);
  expect(JSON.parse(stdout).upstreams).toMatchObject([
    { name: "both", era: "legacy", speaksBoth: true },
    { name: "told", era: "legacy", speaksBoth: false },
    { name: "old", era: "legacy", speaksBoth: false },
    { name: "now", era: "modern", speaksBoth: false },
    { name: "wrong" },
  ]);
  const { stdout: people } = await run(at, ["validate", "--connect"]);
  expect(people.replaceAll(/\s+/g, " ")).toMatch(
    /both ok .*MCP 2025-11-25; speaks MCP 2026-07-28, too: with "protocol": "modern" it tells/,
  );
});
