import { admin } from "@host/plugin-admin";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

const token = "0123456789abcdefghijklmn";

testPlugin(admin, {
  test: (name, run) => test(name, run),
  module: new URL("../dist/index.js", import.meta.url),
  options: { calls: 10, tokens: [{ name: "alice", token, scope: "configure" }] },
  badOptions: [
    { options: { path: "admin" }, place: "plugins[0].options.path", hint: 'such as "/admin/api/v1"' },
    { options: { tokens: [{ name: "a", token: "short" }] }, place: "plugins[0].options.tokens[0].token", hint: "at least 24" },
    { options: { tokens: [{ name: "a b", token }] }, place: "plugins[0].options.tokens[0].name", hint: "must be 1 to 64" },
    { options: { tokens: [{ name: "a", token, scope: "all" }] }, place: "plugins[0].options.tokens[0].scope", hint: /read/ },
    {
      options: {
        tokens: [
          { name: "a", token },
          { name: "b", token },
        ],
      },
      place: "plugins[0].options.tokens[1].token",
      hint: "that of another token",
    },
    { options: { listen: { port: 0 }, roles: { read: ["x"] } }, place: "plugins[0].options.roles", hint: "the host's own port only" },
    { options: { traces: true, calls: 0 }, place: "plugins[0].options.traces", hint: "none are kept" },
    { options: { calls: -1 }, place: "plugins[0].options.calls", hint: /0/ },
    { options: { listen: { port: 70_000 } }, place: "plugins[0].options.listen.port", hint: /65535/ },
  ],
});
