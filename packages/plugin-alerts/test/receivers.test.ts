import { createHmac } from "node:crypto";
import type { AlertsOptions } from "@host/plugin-alerts";
import type { Config } from "mcp-host";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { home, run } from "../../../test/harness/cli.ts";
import { AT_ONCE, alerting, FLAGS, flag, hosted, type Receiver, receiver, untilTold } from "./alerting.ts";

let ops: Receiver;
beforeEach(async () => {
  ops = await receiver();
});
afterEach(() => ops[Symbol.asyncDispose]());

describe("who is told, and how", () => {
  test("each receiver in its form, signed, by severity and by rule, and no secret is in the log", async () => {
    await using chat = await receiver();
    await using pager = await receiver();
    const secret = "a secret of this test alone";
    const token = "Bearer token-of-this-test-1234";
    const receivers: AlertsOptions["receivers"] = [
      { name: "hook", url: ops.url, secret, headers: { authorization: token } },
      { name: "chat", url: `${chat.url}/T0/B0/sEcReTpArT`, template: "slack" },
      { name: "pager", url: pager.url, template: "pagerduty", routingKey: "key-of-this-test-5678", least: "error" },
    ];
    const config: Config = {
      mcpServers: {},
      plugins: [
        FLAGS,
        [
          "@host/plugin-alerts",
          {
            ...AT_ONCE,
            instance: "host 1",
            receivers,
            rules: [
              flag("bad", { severity: "critical", runbook: "https://example.com/bad", with: { files: ["<!here> & there"] } }),
              flag("small", { to: ["hook"] }),
            ],
          },
        ],
      ],
    };
    await using host = await hosted(config);
    host.raise("<!here> & there");
    await vi.waitFor(() => expect([ops, chat, pager].map(({ received }) => received.length)).toEqual([1, 1, 1]));
    host.raise("small");
    await untilTold(ops, "firing bad", "firing small");

    const [{ headers, text, body } = expect.fail("none")] = ops.received;
    expect(headers).toMatchObject({ authorization: token, "content-type": "application/json" });
    const signature = createHmac("sha256", secret)
      .update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${text}`)
      .digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${signature}`);
    expect(body.alerts[0]?.annotations).toEqual({ summary: "the file <!here> & there is there", runbook_url: "https://example.com/bad" });
    expect(chat.received[0]?.body).toMatchObject({
      text: "[host 1] bad: 1 firing",
      attachments: [{ color: "#a30200", text: "CRITICAL: the file &lt;!here&gt; &amp; there is there (https://example.com/bad)" }],
    });
    expect(pager.received[0]?.body).toMatchObject({
      routing_key: "key-of-this-test-5678",
      event_action: "trigger",
      dedup_key: expect.stringMatching(/^mcp-host\/[0-9a-f]{16}$/),
      payload: {
        summary: "[host 1] the file <!here> & there is there",
        source: "host 1",
        severity: "critical",
        class: "flag",
        group: "bad",
      },
      links: [{ href: "https://example.com/bad", text: "Runbook" }],
    });

    host.clear("<!here> & there");
    await untilTold(ops, "firing bad", "firing small", "resolved bad");
    await vi.waitFor(() => expect([chat, pager].map(({ received }) => received.length)).toEqual([2, 2]));
    expect(chat.received[1]?.body).toMatchObject({
      attachments: [{ text: "RESOLVED: the file &lt;!here&gt; &amp; there is there (https://example.com/bad)" }],
    });
    const dedup_key = pager.received[0]?.body.dedup_key;
    expect(pager.received[1]?.body).toEqual({ routing_key: "key-of-this-test-5678", dedup_key, event_action: "resolve" });

    await chat.down();
    host.raise("<!here> & there");
    await vi.waitFor(() => expect(host.running.stderr()).toContain("does not take them"));
    const everything = host.running.stderr() + (await host.command("status", "--json"));
    for (const word of [secret, token.slice(7), "sEcReTpArT", "key-of-this-test-5678"]) expect(everything).not.toContain(word);
  });

  test("`mcp-host alerts test` tells receivers, and says which did not take it", async () => {
    await using broken = await receiver();
    broken.status = 403;
    const config: Config = {
      mcpServers: {},
      plugins: [
        [
          "@host/plugin-alerts",
          {
            ...AT_ONCE,
            rules: [],
            receivers: [
              { name: "good", url: ops.url },
              { name: "bad", url: broken.url, resolved: false },
            ],
          },
        ],
      ],
    };
    await using host = await hosted(config);
    const both = await run(host.at, ["alerts", "test"]);
    expect(both).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^good: took it within \d+ ms\nbad: did not take it: it answered with HTTP 403\n$/),
    });
    expect(ops.told()).toEqual(["firing test", "resolved test"]);
    expect(JSON.parse(await host.command("alerts", "test", "good", "--json"))).toEqual({
      told: [{ receiver: "good", taken: true, ms: expect.any(Number) }],
    });
    const none = await run(host.at, ["alerts", "test", "nobody"]);
    expect(none.stderr).toContain('there is no receiver "nobody"; there are good, bad');
    await host.running[Symbol.asyncDispose]();
    expect((await run(host.at, ["alerts", "test", "good"])).code, "where no host runs, too").toBe(0);
    expect(ops.told()).toHaveLength(6);
  });

  test("a host that is there for one command tells nobody anything", async () => {
    using at = home({
      mcpServers: { gone: { command: process.execPath, args: ["-e", "process.exit(1)"] } },
      plugins: [alerting(ops, [{ kind: "server-down" }])],
    });
    const { code, stdout } = await run(at, ["validate", "--connect"]);
    expect(code).not.toBe(0);
    expect(stdout).toContain("gone");
    expect(ops.received).toEqual([]);
  });
});
