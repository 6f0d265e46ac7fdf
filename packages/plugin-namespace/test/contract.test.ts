import { namespace } from "@host/plugin-namespace";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

testPlugin(namespace, {
  test,
  module: import.meta.resolve("@host/plugin-namespace"),
  options: { prefixes: { contract: "" } },
  badOptions: [
    { options: { separator: "" }, place: "plugins[0].options.separator", hint: "1 to 8" },
    { options: { maxLength: 1 }, place: "plugins[0].options.maxLength", hint: "16" },
  ],
});
