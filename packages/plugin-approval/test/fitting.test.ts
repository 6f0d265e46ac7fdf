import { approval } from "@host/plugin-approval";
import { createHost, definePlugin } from "mcp-host";
import { expect, test, vi } from "vitest";
import { type Asked, asked, TOOLS } from "./asked.ts";

const warnings = (at: Asked) => at.host.log.filter(({ message }) => message === "a rule fits no tool");

test("a server that a rule names and nobody configured stops the start, with place and nearest name", async () => {
  await using host = createHost({
    mcpServers: { files: { command: "true" } },
    plugins: [
      approval({
        rules: [
          { match: ["*", "fils:delete"], ask: "person" },
          { match: ["fi?s:*"], ask: "person" },
        ],
      }),
    ],
  });
  await expect(host.prepare()).rejects.toThrow(/options\.rules\[0\]\.match\[1\]: no upstream is called "fils" .*"files"/);
});

test("a rule that fits no tool is told in the log once, and in the report, when what there is is known", async () => {
  await using at = await asked({
    rules: [
      { match: ["delet", "files:remove"], ask: "person" },
      { match: ["delet", "files:delete"], ask: "person" },
      { match: ["fil?s:*"], ask: "person" },
      { when: "true", ask: "person" },
    ],
  });
  await at.person.client.listTools();
  await at.clock.advance(0);
  expect(warnings(at)).toMatchObject([
    { level: "warn", plugin: "approval", place: "options.rules[0].match", match: "delet, files:remove" },
  ]);
  expect(at.host.host.reports()).toMatchObject({ approval: { rules: 4, unmatched: ["options.rules[0].match"] } });
  await at.person.client.listTools();
  await at.clock.advance(0);
  expect(warnings(at)).toHaveLength(1);
});

test("when the catalog changes, rules are looked at again", async () => {
  await using at = await asked({ rules: [{ match: ["files:delete"], ask: "person" }] });
  await at.person.client.listTools();
  await at.clock.advance(0);
  expect(warnings(at)).toEqual([]);
  const { delete: _, ...others } = TOOLS;
  at.up.set({ tools: others });
  await vi.waitFor(async () => {
    await at.clock.advance(0);
    expect(warnings(at)).toMatchObject([{ place: "options.rules[0].match" }]);
  });
  at.up.set({ tools: TOOLS });
  await vi.waitFor(() => expect(at.host.host.reports()).toMatchObject({ approval: { unmatched: [] } }));
});

test("of a server that has not listed anything yet nothing is told", async () => {
  await using host = createHost({
    mcpServers: { files: { command: "true" } },
    plugins: [approval({ rules: [{ match: ["delet"], ask: "person" }] })],
  });
  await host.prepare();
  expect(host.reports()).toMatchObject({ approval: { rules: 1, unmatched: [] } });
});

test("at the start a rule is told whose servers there are none, and none that speaks of what a plugin offers", async () => {
  const own = definePlugin({
    name: "own",
    host: "^1.0.0",
    apply: (host) => void host.offer({ tools: { wipe: { call: () => "wiped" } } }),
  });
  await using at = await asked(
    {
      rules: [
        { match: ["fles*:delete"], ask: "person" },
        { match: ["own:wipe"], ask: "person" },
        { match: ["ow*:wip"], ask: "person" },
      ],
    },
    { plugins: [own()] },
  );
  expect(warnings(at).map(({ match }) => match)).toContain("fles*:delete");
  await at.person.client.listTools();
  await at.clock.advance(0);
  expect(warnings(at).map(({ match }) => match)).toEqual(["fles*:delete", "ow*:wip"]);
});
