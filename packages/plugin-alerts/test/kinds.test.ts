import { writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Config } from "mcp-host";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { certificateUntil } from "../../../test/harness/certificate.ts";
import { clientOf, home } from "../../../test/harness/cli.ts";
import { httpProcess, upstream } from "../../../test/harness/hosts.ts";
import { scripted } from "../../../test/harness/scripted.ts";
import { switchable } from "../../../test/harness/switchable.ts";
import { alerting, FLAGS, flag, type Hosted, hosted, type Receiver, receiver, untilTold } from "./alerting.ts";

let ops: Receiver;
beforeEach(async () => {
  ops = await receiver();
});
afterEach(() => ops[Symbol.asyncDispose]());

/** A server that cannot start while there is such a file. */
const frail = (file: string) => scripted("", `if (require("node:fs").existsSync(${JSON.stringify(file)})) process.exit(1);`);

/** The process of a server that has said hello. */
const pidOf = async (host: Hosted, name: string): Promise<number> => {
  const { upstreams } = await host.status();
  const found = upstreams.find((each) => each.name === name);
  const pid = found?.connections[0]?.pid;
  if (found?.state !== "ready" || pid === undefined) throw new Error(`${name} is ${found?.state}`);
  return pid;
};

const kill = async (host: Hosted, name: string): Promise<void> => {
  process.kill(await vi.waitFor(() => pidOf(host, name)), "SIGKILL");
};

const summaries = (): string[] => ops.received.flatMap(({ body }) => body.alerts.map(({ annotations }) => annotations.summary ?? ""));

describe("each kind arrives once, and once more when it is over:", () => {
  test("a server that is killed and does not come up, and all servers down with it", async () => {
    using at = home({});
    const file = join(at.path, "broken");
    const config: Config = {
      mcpServers: { only: frail(file) },
      plugins: [alerting(ops, [{ kind: "server-down" }, { kind: "all-servers-down", for: "100ms" }])],
    };
    writeFileSync(join(at.path, "mcp-host.config.json"), JSON.stringify({ listen: { port: 0 }, ...config }));
    await using host = await hosted(config, at);
    await vi.waitFor(() => pidOf(host, "only"));
    host.raise("broken");
    await kill(host, "only");
    await untilTold(ops, "firing server-down", "firing all-servers-down");
    expect(summaries()[0]).toMatch(/^server "only" is down: (backing off|failed|connecting), /);
    expect(summaries()[1]).toBe("the only server is down");
    expect(ops.received[1]?.body.alerts[0]?.labels).toMatchObject({ severity: "critical", kind: "all-servers-down" });
    host.clear("broken");
    await host.command("reconnect", "only");
    await vi.waitFor(() => expect(ops.told()).toHaveLength(4));
    expect(ops.told().slice(2).sort()).toEqual(["resolved all-servers-down", "resolved server-down"]);
  });

  test("a server that is lost again and again", async () => {
    await using host = await hosted({
      mcpServers: { shaky: upstream({ name: "shaky" }), calm: upstream({ name: "calm", prefix: "calm_" }) },
      plugins: [alerting(ops, [{ kind: "server-flapping", losses: 2, within: "6s" }])],
    });
    const first = await vi.waitFor(() => pidOf(host, "shaky"));
    process.kill(first, "SIGKILL");
    const second = await vi.waitFor(async () => {
      const pid = await pidOf(host, "shaky");
      expect(pid).not.toBe(first);
      return pid;
    });
    expect(ops.told()).toEqual([]);
    process.kill(second, "SIGKILL");
    await untilTold(ops, "firing server-flapping");
    expect(summaries()).toEqual(['server "shaky" was lost 2 times within 6 s']);
    await untilTold(ops, "firing server-flapping", "resolved server-flapping");
  });

  test("a circuit breaker that is open, until the server answers again", async () => {
    const web = await httpProcess("upstream", ["http", "--options", JSON.stringify({ name: "web" })]);
    try {
      await using door = await switchable(web.url);
      await using host = await hosted({
        mcpServers: { web: { url: door.url } },
        plugins: [
          ["@host/plugin-resilience", { defaults: { breaker: { consecutive: 2, openFor: "100ms" }, retry: false } }],
          alerting(ops, [{ kind: "breaker-open" }]),
        ],
      });
      const client = await clientOf(host.running);
      const call = () =>
        client.callTool({ name: "echo", arguments: {} }).then(
          () => true,
          () => false,
        );
      expect(await call()).toBe(true);
      door.use(500);
      await vi.waitFor(async () => {
        await call();
        expect(ops.told()).toEqual(["firing breaker-open"]);
      });
      expect(summaries()).toEqual(['the circuit breaker of server "web" is open: it failed too often and is left alone']);
      door.use(web.url);
      await vi.waitFor(async () => expect(await call()).toBe(true));
      await untilTold(ops, "firing breaker-open", "resolved breaker-open");
      await client.close();
    } finally {
      await web.stop();
    }
  });

  test("too many requests that fail, until none do any more", async () => {
    const script = 'if (method === "tools/call" && params.name === "bad") return new Error("no");';
    await using host = await hosted({
      mcpServers: { odd: scripted(script) },
      plugins: [alerting(ops, [{ kind: "error-ratio", within: "3s", minimum: 4, above: 0.4 }])],
    });
    const client = await clientOf(host.running);
    const call = (name: string) => client.callTool({ name, arguments: {} }).catch(() => {});
    for (const name of ["ok", "bad", "bad"]) await call(name);
    await call("bad");
    await untilTold(ops, "firing error-ratio");
    expect(summaries()).toEqual(['75 % of the 4 requests to server "odd" of the last 3 s failed (3)']);
    await untilTold(ops, "firing error-ratio", "resolved error-ratio");
    await client.close();
  });

  test("a server that answers too slowly", async () => {
    await using host = await hosted({
      mcpServers: { slow: upstream({ name: "slow", delays: { "tools/call": 150 } }) },
      plugins: [alerting(ops, [{ kind: "latency", within: "3s", minimum: 2, above: "100ms", tools: ["slow:echo"] }])],
    });
    const client = await clientOf(host.running);
    for (let i = 0; i < 2; i++) await client.callTool({ name: "echo", arguments: {} });
    await untilTold(ops, "firing latency");
    expect(summaries()[0]).toMatch(/^95 % of the 2 requests to server "slow" of the last 3 s took up to /);
    await untilTold(ops, "firing latency", "resolved latency");
    await client.close();
  });

  test("a quota that is used up, until its window is over", async () => {
    await using host = await hosted({
      mcpServers: { up: upstream() },
      plugins: [
        ["@host/plugin-rate-limit", { rules: [{ name: "few", per: ["principal"], requests: 4, window: "3s" }] }],
        alerting(ops, [{ kind: "quota", above: 0.7 }]),
      ],
    });
    const client = await clientOf(host.running);
    await vi.waitFor(async () => {
      await client.callTool({ name: "echo", arguments: {} }).catch(() => {});
      expect(ops.told()).toEqual(["firing quota"]);
    });
    expect(summaries()[0]).toMatch(/^(75|100) % of what the limit "few" lets through is used up; /);
    await untilTold(ops, "firing quota", "resolved quota");
    await client.close();
  });

  test("a disk with less room than a rule asks for, until the rule asks for less", async () => {
    const config = (below: string): Config => ({ mcpServers: {}, plugins: [alerting(ops, [{ kind: "disk", below }])] });
    await using host = await hosted(config("900000000gb"));
    await untilTold(ops, "firing disk");
    expect(summaries()[0]).toMatch(/^the disk of \/.* has [\d.]+ \w+ left of [\d.]+ \w+ \([\d.]+ %\)$/);
    await host.reload(config("1b"));
    await untilTold(ops, "firing disk", "resolved disk");
  });

  test("certificates of a server and of a file that are about to expire, until others are in their place", async () => {
    using at = home({});
    const file = join(at.path, "own.pem");
    const soon = certificateUntil(Date.now() + 3 * 86_400_000 + 60_000);
    const later = certificateUntil(Date.now() + 300 * 86_400_000);
    writeFileSync(file, certificateUntil(Date.now() - 3_600_000).cert);
    const server = createServer(soon, (_request, response) => void response.writeHead(503).end());
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    try {
      const { port } = server.address() as AddressInfo;
      const config: Config = {
        mcpServers: { web: { url: `https://127.0.0.1:${port}/mcp` } },
        plugins: [alerting(ops, [{ kind: "certificate", every: "100ms", files: ["own.pem"] }])],
      };
      writeFileSync(join(at.path, "mcp-host.config.json"), JSON.stringify({ listen: { port: 0 }, ...config }));
      await using host = await hosted(config, at);
      await untilTold(ops, "firing certificate", "firing certificate");
      const [own, web] = summaries().sort();
      expect(own).toMatch(/^the certificate of \/.*own\.pem has expired on /);
      expect(web).toMatch(/^the certificate of server "web" expires in 3 d, on \d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
      server.setSecureContext(later);
      writeFileSync(file, later.cert);
      await vi.waitFor(() => expect(ops.told().filter((each) => each === "resolved certificate")).toHaveLength(2));
      expect(ops.told()).toHaveLength(4);
      expect(host.running.stderr()).not.toContain("could not see");
    } finally {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  });

  test("what another plugin looks after", async () => {
    await using host = await hosted({ mcpServers: {}, plugins: [FLAGS, alerting(ops, [flag("fire")])] });
    host.raise("fire");
    await untilTold(ops, "firing fire");
    expect(ops.received[0]?.body).toMatchObject({
      version: "4",
      status: "firing",
      receiver: "ops",
      groupLabels: { alertname: "fire" },
      commonLabels: { alertname: "fire", kind: "flag", file: "fire", severity: "warning" },
      alerts: [{ status: "firing", endsAt: "0001-01-01T00:00:00Z", annotations: { summary: "the file fire is there" } }],
    });
    host.clear("fire");
    await untilTold(ops, "firing fire", "resolved fire");
    expect(ops.received[1]?.body).toMatchObject({ status: "resolved", alerts: [{ status: "resolved" }] });
  });
});
