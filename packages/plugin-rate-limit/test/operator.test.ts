import { rateLimit } from "@host/plugin-rate-limit";
import { definePlugin, type Meter } from "mcp-host";
import { expect, test } from "vitest";
import { clientOf, home, run, start } from "../../../test/harness/cli.ts";
import { sdkClient, stdioTransport } from "../../../test/harness/clients.ts";
import { BIN, upstream } from "../../../test/harness/hosts.ts";
import { limited, passed, servers, times, tried } from "./limited.ts";

const rules = [
  { name: "few", per: ["principal" as const], requests: 2, window: "1m" },
  { name: "slots", per: ["principal" as const], concurrent: 3, queue: {} },
];

test("an operator sees who uses what, and has a rule begin anew, for everybody", async () => {
  await using host = await limited({ rules });
  const [ann, bob] = [await host.as("ann"), await host.as("bob")];
  expect(await passed(times(5, () => ann.callTool("a")))).toBe(2);
  await bob.callTool("a");
  expect(await host.host.operator.run("rate-limit:show")).toEqual({
    mode: "enforce",
    rules: {
      few: {
        limit: "2 requests in a minute",
        mode: "enforce",
        per: ["principal"],
        refused: 3,
        observed: 0,
        top: [
          { who: "ann", used: 2 },
          { who: "bob", used: 1 },
        ],
      },
      slots: {
        limit: "3 at a time, 100 waiting",
        mode: "enforce",
        per: ["principal"],
        refused: 0,
        observed: 0,
        active: 0,
        queued: 0,
        top: [],
      },
    },
    storeErrors: 0,
  });
  expect(await host.host.operator.run("rate-limit:reset", { rule: "few" })).toEqual({ reset: "few" });
  expect(await passed(times(5, () => ann.callTool("a")))).toBe(2);
  await expect(host.host.operator.run("rate-limit:reset", { rule: "none" })).rejects.toThrow(
    'there is no rule "none"; there are few, slots',
  );
});

test("the instruments tell it in figures", async () => {
  let meter: Meter | undefined;
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply: (host) => {
      meter = host.meter;
    },
  })();
  await using host = await limited(
    { rules: [...rules, { name: "dry", requests: 1, window: "1m", mode: "observe" }] },
    { plugins: [reader] },
  );
  const ann = await host.as("ann");
  await passed(times(5, () => ann.callTool("a")));
  const readings = Object.fromEntries(meter?.instruments().map((each) => [each.name, each.readings()]) ?? []);
  expect(readings["rate_limit.refused"]).toEqual([{ labels: ["few"], value: 3 }]);
  expect(readings["rate_limit.observed"]).toEqual([{ labels: ["dry"], value: 1 }]);
  expect(readings["rate_limit.active"]).toEqual([{ labels: ["slots"], value: 0 }]);
});

test("the commands show and reset a running host's limits", async () => {
  using at = home({
    listen: { port: 0 },
    mcpServers: { up: upstream() },
    plugins: [
      [
        "@host/plugin-rate-limit",
        { rules: [rules[0], { ...rules[0], name: "dry", mode: "observe", requests: 1 }], addresses: { requests: 1_000, window: "1m" } },
      ],
    ],
  });
  await using running = start(at, ["start", "http", "--insecure-no-auth"]);
  const client = await clientOf(running);
  for (const expected of ["ok", "ok", "refused"])
    expect(
      await client.callTool({ name: "echo", arguments: {} }).then(
        () => "ok",
        () => "refused",
      ),
    ).toBe(expected);
  const { stdout } = await run(at, ["rate-limit", "show"]);
  expect(stdout).toContain("few: 2 requests in a minute per principal\n  refused 1\n         2  anonymous at 127.0.0.1\n");
  expect(stdout).toContain("dry: 1 requests in a minute per principal (only observed)\n  would have refused 1\n");
  expect(stdout).toMatch(/^addresses: 1000 requests in a minute\n {2}refused 0\n +\d+ {2}127\.0\.0\.1\n/);
  expect(JSON.parse((await run(at, ["rate-limit", "show", "--json"])).stdout)).toMatchObject({ rules: { few: { refused: 1 } } });
  expect((await run(at, ["rate-limit", "reset", "few"])).stdout).toBe('rule "few" counts anew\n');
  expect(
    await client.callTool({ name: "echo", arguments: {} }).then(
      () => "ok",
      () => "refused",
    ),
  ).toBe("ok");
  const wrong = await run(at, ["rate-limit", "reset", "nothing"]);
  expect([wrong.code, wrong.stderr]).toEqual([expect.not.stringMatching("^0$"), expect.stringContaining('there is no rule "nothing"')]);
  await client.close();
});

test("over stdio it is as over HTTP", async () => {
  using at = home({ mcpServers: { up: upstream() }, plugins: [["@host/plugin-rate-limit", { rules }]] });
  const client = sdkClient();
  await client.connect(stdioTransport(process.execPath, [BIN, "start", "stdio", "--config", `${at.path}/mcp-host.config.json`], at.env));
  for (let i = 0; i < 2; i++) expect(await client.callTool({ name: "echo", arguments: {} })).toMatchObject({ content: expect.anything() });
  await expect(client.callTool({ name: "echo", arguments: {} })).rejects.toMatchObject({
    code: -31429,
    message: expect.stringContaining('rule "few" lets through 2 requests in a minute'),
    data: { type: "rate_limited", retryAfterMs: expect.any(Number) },
  });
  await client.close();
});

test("who was refused before a reload is still, and what changes begins as it was left", async () => {
  await using host = await limited({ rules });
  const ann = await host.as("ann");
  expect(await passed(times(3, () => ann.callTool("a")))).toBe(2);
  const { up, other } = servers();
  await host.host.reload({
    drain: 0,
    plugins: [rateLimit({ rules: [{ name: "few", per: ["principal"], requests: 3, window: "1m" }] })],
    mcpServers: { up: { transport: up?.transport }, other: { transport: other?.transport } } as never, // as the test host has them
  });
  expect(await tried(ann.callTool("a")), "one more than before").toBe("ok");
  expect(await tried(ann.callTool("a"))).toBe("rate_limited");
});
