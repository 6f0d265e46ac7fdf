import { cache } from "@host/plugin-cache";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

testPlugin(cache, {
  test,
  module: "@host/plugin-cache",
  options: { tools: ["kept__*"], ttl: "1m" },
  badOptions: [
    { options: { ttl: "soon" }, place: "plugins[0].options.ttl", hint: "30s" },
    { options: { maxSize: "much" }, place: "plugins[0].options.maxSize", hint: "8mb" },
    { options: { scope: "all" }, place: "plugins[0].options.scope", hint: /principal.*shared/ },
    { options: { tools: 1 }, place: "plugins[0].options.tools", hint: "glob" },
    { options: { invalidate: [{ call: "x" }] }, place: "plugins[0].options.invalidate[0].drop", hint: "glob" },
    { options: { store: 1 }, place: "plugins[0].options.store", hint: "name of a store" },
  ],
});
