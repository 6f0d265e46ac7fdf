import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AlertsOptions } from "@host/plugin-alerts";
import type { Config } from "mcp-host";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { clientOf, home, run } from "../../../test/harness/cli.ts";
import { upstream } from "../../../test/harness/hosts.ts";
import { scripted } from "../../../test/harness/scripted.ts";
import { AT_ONCE, alerting, FLAGS, flag, type Hosted, hosted, type Receiver, receiver, untilTold, written } from "./alerting.ts";

let ops: Receiver;
beforeEach(async () => {
  ops = await receiver();
});
afterEach(() => ops[Symbol.asyncDispose]());

const flags = (names: readonly string[], more: object = {}, options: AlertsOptions = {}, to: Receiver = ops): Config => ({
  mcpServers: {},
  plugins: [
    FLAGS,
    alerting(
      to,
      names.map((name) => flag(name, more)),
      options,
    ),
  ],
});

/** Raises another flag and waits until it was told: whatever was to come before it has come. */
const marked = async (host: Hosted, mark: string, ...before: string[]): Promise<void> => {
  host.raise(mark);
  await untilTold(ops, ...before, `firing ${mark}`);
};

describe("when it is told", () => {
  test("nothing before it has been so for as long as `for` says, and nothing at all of what is over by then", async () => {
    await using host = await hosted({
      mcpServers: {},
      plugins: [FLAGS, alerting(ops, [flag("short", { for: "1m" }), flag("long", { for: "700ms" }), flag("mark")])],
    });
    host.raise("short");
    host.raise("long");
    await marked(host, "mark");
    const { alerts } = JSON.parse(await host.command("alerts", "list", "--json"));
    expect(alerts).toContainEqual(expect.objectContaining({ rule: "short", state: "pending", summary: "the file short is there" }));
    expect(await host.command("alerts", "list")).toContain("WARNING short: the file short is there (not yet told, since ");
    host.clear("short");
    await untilTold(ops, "firing mark", "firing long");
    const [mark, long] = ops.received.map(({ body }) => Date.parse(body.alerts[0]?.startsAt ?? ""));
    expect(Number(long) - Number(mark)).toBeGreaterThan(300);
    host.clear("long");
    await untilTold(ops, "firing mark", "firing long", "resolved long");
    expect(await host.command("alerts", "list")).toMatch(/^WARNING mark: the file mark is there \(since .*\)\n$/);
  });

  test("nothing of what is well for less than `keep` says", async () => {
    await using host = await hosted(flags(["a", "mark"], { keep: "1h" }));
    host.raise("a");
    await untilTold(ops, "firing a");
    host.clear("a");
    await marked(host, "mark", "firing a");
    host.raise("a");
    const { reports } = await host.status();
    expect(reports.alerts).toMatchObject({ rules: { a: { firing: 1 }, mark: { firing: 1 } }, watching: true });
  });

  test("what goes on is told again after `repeat`, and is one alert all the same", async () => {
    await using host = await hosted({
      mcpServers: {},
      plugins: [FLAGS, alerting(ops, [flag("often", { repeat: "200ms" }), flag("once")])],
    });
    host.raise("once");
    host.raise("often");
    await vi.waitFor(() => expect(ops.told().filter((each) => each === "firing often").length).toBeGreaterThan(3));
    expect(ops.told().filter((each) => each === "firing once")).toHaveLength(1);
    const often = ops.received.filter(({ body }) => body.groupLabels.alertname === "often");
    expect(new Set(often.map(({ body }) => body.alerts[0]?.startsAt)).size).toBe(1);
    expect(new Set(often.map(({ headers }) => headers["webhook-id"])).size, "each is a message of its own").toBe(often.length);
    host.clear("often");
    await vi.waitFor(() => expect(ops.told().at(-1)).toBe("resolved often"));
  });

  test("what goes on is told again after the repeat of the group, the next message of which keeps its distance", async () => {
    await using host = await hosted(flags(["a", "b"], {}, { group: { by: ["kind"], wait: 0, interval: "1s", repeat: "400ms" } }));
    host.raise("a");
    await untilTold(ops, "firing a");
    const began = Date.now();
    host.raise("b");
    await vi.waitFor(() => expect(ops.told()).toContain("firing b"));
    expect(Date.now() - began).toBeGreaterThan(500);
    expect(ops.received.at(-1)?.body.alerts.map(({ labels }) => labels.file)).toEqual(["a", "b"]);
  });
});

describe("what is told together", () => {
  test("alerts of a rule, once the group has waited, unless they are grouped by server", async () => {
    const file = "broken";
    await using other = await receiver();
    using at = home({});
    const dead = scripted("", "process.exit(1);");
    const rules: AlertsOptions["rules"] = [{ kind: "server-down" }];
    const together = alerting(ops, rules, { group: { wait: "700ms", interval: 0 }, instance: "together" });
    const apart = alerting(other, rules, { group: { by: ["server"], wait: "100ms", interval: 0 }, instance: "apart" });
    const copies = { use: apart[0], options: apart[1], id: "apart" };
    const config = { mcpServers: { one: dead, two: dead }, plugins: [together, copies] } as Config;
    writeFileSync(join(at.path, "mcp-host.config.json"), written(config));
    await using host = await hosted(config, at);
    await untilTold(ops, "firing server-down", "firing server-down");
    expect(ops.received, file).toHaveLength(1);
    expect(ops.received[0]?.body.alerts.map(({ labels }) => labels.server).sort()).toEqual(["one", "two"]);
    await vi.waitFor(() => expect(other.received).toHaveLength(2));
    expect(other.received.map(({ body }) => body.groupLabels.server).sort()).toEqual(["one", "two"]);
    expect(other.received[0]?.body.alerts).toHaveLength(1);
    expect((await host.status()).reports).toMatchObject({ alerts: { instance: "together" }, apart: { instance: "apart" } });
  });
});

describe("nothing is told twice", () => {
  test("by a host that was restarted, or killed, on the same store, and what was over meanwhile is told as over", async () => {
    using at = home({});
    const config: Config = {
      mcpServers: {},
      plugins: [
        ["@host/plugin-sqlite", { file: "store.sqlite", poll: "10ms" }],
        FLAGS,
        alerting(
          ops,
          ["a", "b", "m1", "m2", "m3"].map((name) => flag(name)),
        ),
      ],
    };
    writeFileSync(join(at.path, "mcp-host.config.json"), written(config));
    {
      await using host = await hosted(config, at);
      host.raise("a");
      await untilTold(ops, "firing a");
      await marked(host, "m1", "firing a");
    }
    {
      await using host = await hosted(config, at);
      await marked(host, "m2", "firing a", "firing m1");
      // That it was told is noted a moment later; killed in that moment, the host would tell it again, with the same webhook-id.
      await vi.waitFor(async () => expect((await host.status()).reports.alerts).toMatchObject({ receivers: { ops: { sent: 1 } } }));
      host.running.child.kill("SIGKILL");
      await host.running.exited;
      host.clear("a");
    }
    await using host = await hosted(config, at);
    await untilTold(ops, "firing a", "firing m1", "firing m2", "resolved a");
    await marked(host, "m3", "firing a", "firing m1", "firing m2", "resolved a");
  });

  test("of a server that is down before and after a restart, however long it takes to see that", async () => {
    using at = home({});
    const file = join(at.path, "broken");
    const config: Config = {
      mcpServers: { only: scripted("", `if (require("node:fs").existsSync(${JSON.stringify(file)})) process.exit(1);`) },
      plugins: [
        ["@host/plugin-sqlite", { file: "store.sqlite", poll: "10ms" }],
        FLAGS,
        alerting(ops, [{ kind: "server-down" }, { kind: "all-servers-down" }, flag("mark")]),
      ],
    };
    writeFileSync(join(at.path, "mcp-host.config.json"), written(config));
    writeFileSync(file, "");
    const down = ["firing server-down", "firing all-servers-down"];
    {
      await using host = await hosted(config, at);
      await vi.waitFor(() => expect(ops.told().sort()).toEqual([...down].sort()));
      expect((await host.status()).reports.alerts).toMatchObject({ watching: true });
    }
    await using host = await hosted(config, at);
    await vi.waitFor(async () => expect((await host.status()).upstreams[0]?.state).toMatch(/backing off|failed/));
    host.raise("mark");
    await vi.waitFor(() => expect(ops.told().slice(2)).toEqual(["firing mark"]));
    host.clear("broken");
    await host.command("reconnect", "only");
    await vi.waitFor(() => expect(ops.told()).toHaveLength(5));
    expect(ops.told().slice(3).sort()).toEqual(["resolved all-servers-down", "resolved server-down"]);
  });

  test("by a reload that changes rules, labels and receivers; what a rule that is gone told is over", async () => {
    await using host = await hosted(flags(["a", "gone"]));
    host.raise("a");
    await untilTold(ops, "firing a");
    await marked(host, "gone", "firing a");
    await host.reload(flags(["a", "mark"], { severity: "error" }, { labels: { team: "search" }, group: { ...AT_ONCE.group, by: [] } }));
    await untilTold(ops, "firing a", "firing gone", "resolved gone");
    await marked(host, "mark", "firing a", "firing gone", "resolved gone");
    expect(ops.received.at(-1)?.body.alerts[0]?.labels).toMatchObject({ team: "search", severity: "error" });
    host.clear("a");
    await untilTold(ops, "firing a", "firing gone", "resolved gone", "firing mark", "resolved a");
  });

  test("by a reload while calls are under way: the new rules hold at once, and the call is answered by what it began on", async () => {
    const slow = { mcpServers: { slow: upstream({ delays: { "tools/call": 4_000 } }) } };
    await using host = await hosted({ ...flags(["a"]), ...slow });
    host.raise("a");
    await untilTold(ops, "firing a");
    const client = await clientOf(host.running);
    let answered = false;
    const call = client.callTool({ name: "echo", arguments: {} }).then((result) => {
      answered = true;
      return result;
    });
    await vi.waitFor(async () => expect((await host.status()).inFlight).toBe(1));
    await host.reload({ ...flags(["a", "mark"]), ...slow });
    await marked(host, "mark", "firing a");
    expect(answered).toBe(false);
    expect(await call).toMatchObject({ content: expect.anything() });
    host.clear("a");
    await untilTold(ops, "firing a", "firing mark", "resolved a");
    await client.close();
  });

  test("by a reload that cannot be done: the one before goes on", async () => {
    const config = flags(["a", "mark"]);
    await using host = await hosted(config);
    host.raise("a");
    await untilTold(ops, "firing a");
    const wrong: Config = { mcpServers: {}, plugins: [FLAGS, alerting(ops, [flag("a"), { kind: "plugin", of: "flags" }])] };
    writeFileSync(join(host.at.path, "mcp-host.config.json"), written(wrong));
    const { code, stderr } = await run(host.at, ["reload"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain('plugin "alerts": options.rules[1].of: no plugin brings the kind "flags"; there are flag');
    await marked(host, "mark", "firing a");
  });

  test("by two hosts of one name on one store: when the first goes the second goes on", async () => {
    using at = home({});
    const config: Config = {
      mcpServers: {},
      plugins: [
        ["@host/plugin-sqlite", { file: "store.sqlite", poll: "10ms" }],
        FLAGS,
        alerting(
          ops,
          ["a", "b"].map((name) => flag(name)),
        ),
      ],
    };
    writeFileSync(join(at.path, "mcp-host.config.json"), written(config));
    await using second = await (async () => {
      await using first = await hosted(config, at);
      const host = await hosted(config, at);
      first.raise("a");
      await untilTold(ops, "firing a");
      const watching = await Promise.all([first, host].map(async (each) => (await each.status()).reports.alerts.watching));
      expect(watching.sort()).toEqual([false, true]);
      return host;
    })();
    await marked(second, "b", "firing a");
    second.clear("a");
    await untilTold(ops, "firing a", "firing b", "resolved a");
  });

  test("to a receiver that was down: it gets what goes on when it is back, and never what came and went", async () => {
    await using host = await hosted(flags(["a", "brief", "mark"]));
    await ops.down();
    host.raise("a");
    host.raise("brief");
    await vi.waitFor(async () => {
      const { reports } = await host.status();
      expect(reports.alerts).toMatchObject({
        receivers: { ops: { sent: 0, waiting: 2, trouble: "it cannot be reached (ECONNREFUSED)" } },
      });
    });
    host.clear("brief");
    await vi.waitFor(async () => expect(JSON.parse(await host.command("alerts", "list", "--json")).alerts).toHaveLength(1));
    await ops.up();
    await untilTold(ops, "firing a");
    await marked(host, "mark", "firing a");
    host.clear("a");
    await untilTold(ops, "firing a", "firing mark", "resolved a");
    expect(host.running.stderr().match(/a receiver of alerts does not take them/g)).toHaveLength(1);
    expect(host.running.stderr()).toContain("a receiver of alerts takes them again");
  });

  test("to a receiver that fails: it is sent the same message until it takes it, when it says", async () => {
    ops.status = 503;
    ops.headers = { "retry-after": "1" };
    await using host = await hosted(flags(["a"]));
    host.raise("a");
    await vi.waitFor(async () =>
      expect((await host.status()).reports.alerts).toMatchObject({
        receivers: { ops: { failed: 1, trouble: "it answered with HTTP 503", retryIn: expect.any(Number) } },
      }),
    );
    ops.status = 200;
    await untilTold(ops, "firing a");
    host.clear("a");
    await untilTold(ops, "firing a", "resolved a");
  });
});
