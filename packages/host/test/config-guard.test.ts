import { expect, test } from "vitest";
import { reservedChanges } from "../dist/operator/config-guard.js";
import { changesBetween, withoutSecrets } from "../dist/operator/config-shown.js";

const BEFORE = {
  listen: { port: 3000 },
  mcpServers: {
    local: { command: "node", args: ["server.js"], env: { A: "${env:A}" } },
    far: { url: "https://a.example/mcp", headers: { Authorization: "Bearer ${TOKEN}", "x-team": "red" } },
    odd: { type: "docker", options: { image: "x" } },
  },
  plugins: ["@host/plugin-cache"],
};

const servers = (change: Record<string, unknown>) => ({ ...BEFORE, mcpServers: { ...BEFORE.mcpServers, ...change } });

test.each<[string, unknown]>([
  ["settings of any server", servers({ local: { ...BEFORE.mcpServers.local, timeout: "5s", disabled: true } })],
  ["a server that goes", { ...BEFORE, mcpServers: { far: BEFORE.mcpServers.far } }],
  ["a new server at a URL", servers({ more: { url: "https://b.example/mcp", headers: { Authorization: "Bearer abc" } } })],
  ["another path at the same place", servers({ far: { ...BEFORE.mcpServers.far, url: "https://a.example/other" } })],
  ["another address with headers of its own", servers({ far: { url: "https://evil.example", headers: { Authorization: "mine" } } })],
  ["how long a stop may take", { ...BEFORE, drain: "5s" }],
])("%s may be changed over the network", (_, after) => {
  expect(reservedChanges(BEFORE, after)).toEqual([]);
});

test.each<[string, unknown, string]>([
  ["a new command", servers({ more: { command: "sh" } }), "mcpServers.more.command"],
  ["a new command by the other name", { ...BEFORE, servers: { more: { command: "sh" } } }, "servers.more.command"],
  ["another command", servers({ local: { ...BEFORE.mcpServers.local, command: "sh" } }), "mcpServers.local.command"],
  ["other arguments", servers({ local: { ...BEFORE.mcpServers.local, args: ["-e", "1"] } }), "mcpServers.local.args"],
  ["another environment", servers({ local: { ...BEFORE.mcpServers.local, env: { NODE_OPTIONS: "-r x" } } }), "mcpServers.local.env"],
  ["another folder", servers({ local: { ...BEFORE.mcpServers.local, cwd: "/" } }), "mcpServers.local.cwd"],
  ["a file of variables", servers({ local: { ...BEFORE.mcpServers.local, envFile: "x" } }), "mcpServers.local.envFile"],
  ["roots for a program", servers({ local: { ...BEFORE.mcpServers.local, relayRoots: true } }), "mcpServers.local.relayRoots"],
  ["a command in the place of a URL", servers({ far: { command: "sh" } }), "mcpServers.far.command"],
  ["a URL with a command beside it", servers({ more: { url: "https://b.example", command: "sh" } }), "mcpServers.more.command"],
  ["options of a plugin's transport", servers({ odd: { type: "docker", options: { image: "y" } } }), "mcpServers.odd.options"],
  ["a server of a plugin's transport", servers({ more: { type: "docker", options: {} } }), "mcpServers.more.type"],
  ["a plugin", { ...BEFORE, plugins: ["./evil.mjs"] }, "plugins"],
  ["a plugin's options", { ...BEFORE, plugins: [["@host/plugin-cache", { ttl: "1s" }]] }, "plugins"],
  ["no plugins", { ...BEFORE, plugins: [] }, "plugins"],
  ["where the host listens", { ...BEFORE, listen: { host: "0.0.0.0" } }, "listen"],
  ["roles", { ...BEFORE, roles: ["admin"] }, "roles"],
  ["inputs", { ...BEFORE, inputs: [{ id: "x", type: "command" }] }, "inputs"],
  ["a key that nobody knows", { ...BEFORE, extends: "https://evil.example" }, "extends"],
  ["a prototype", JSON.parse('{"__proto__":{"plugins":["./evil.mjs"]},"mcpServers":{}}'), "__proto__"],
  [
    "a file's content as a header",
    servers({ far: { ...BEFORE.mcpServers.far, headers: { Authorization: "Bearer ${TOKEN}", x: "${file:/etc/passwd}" } } }),
    "mcpServers.far.headers.x",
  ],
  [
    "a variable for a new server",
    servers({ more: { url: "https://b.example", headers: { x: "${AWS_SECRET}" } } }),
    "mcpServers.more.headers.x",
  ],
  ["a program's words in a setting", servers({ far: { ...BEFORE.mcpServers.far, timeout: "${cmd:rm -rf /}" } }), "mcpServers.far.timeout"],
  ["a variable elsewhere", { ...BEFORE, drain: "${env:X}" }, "drain"],
  [
    "another address with the credentials of before",
    servers({ far: { ...BEFORE.mcpServers.far, url: "https://evil.example" } }),
    "mcpServers.far.url",
  ],
  ["a proxy on the way", servers({ far: { ...BEFORE.mcpServers.far, proxy: "http://evil.example" } }), "mcpServers.far.url"],
  [
    "the credentials of before by another name",
    servers({ far: { url: "https://evil.example", headers: { "x-a": "red" } } }),
    "x-a would go there",
  ],
])("%s is reserved", (_, after, place) => {
  expect(reservedChanges(BEFORE, after).join("\n")).toContain(place);
});

test("a config is shown with its references and without what may be a secret", () => {
  const shown = withoutSecrets({
    mcpServers: {
      local: {
        command: "node",
        args: ["--api-key", "hunter2-a", "--token=hunter2-b", "plain"],
        env: { PAT: "hunter2-c", B: "${env:B:-hunter2-d}", C: "x ${env:C}" },
      },
      far: { url: "https://me:hunter2-e@a.example/mcp?key=hunter2-f", headers: { Authorization: "Bearer ${TOKEN}", team: "hunter2-g" } },
      odd: { type: "docker", options: { deep: { list: ["hunter2-h", 7] } } },
    },
    stateKey: ["hunter2-i"],
    plugins: [["@host/plugin-auth", { apiKeys: { pepper: "hunter2-j", keys: [{ id: "owner", digest: "hunter2-k" }] } }]],
  });
  expect(JSON.stringify(shown)).not.toContain("hunter2");
  expect(shown).toMatchObject({
    mcpServers: {
      local: {
        command: "node",
        args: ["--api-key", "[redacted]", "--token=[redacted]", "plain"],
        env: { PAT: "[redacted]", B: "${env:B:-...}", C: "[redacted] ${env:C}" },
      },
      far: { headers: { Authorization: "Bearer ${TOKEN}", team: "[redacted]" } },
      odd: { options: { deep: { list: ["[redacted]", "[redacted]"] } } },
    },
  });
});

test("a change of a secret is told without it", () => {
  const [before, after] = ["hunter2-a", "hunter2-b"].map((A) => ({ mcpServers: { x: { command: "x", env: { A } } } }));
  expect(changesBetween(before, after)).toEqual([{ path: ["mcpServers", "x", "env", "A"], before: "[redacted]", after: "[redacted]" }]);
  expect(changesBetween(before, before)).toEqual([]);
});
