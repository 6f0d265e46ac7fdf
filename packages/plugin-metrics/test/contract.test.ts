import { metrics } from "@host/plugin-metrics";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

testPlugin(metrics, {
  test: (name, run) => test(name, run),
  module: new URL("../dist/index.js", import.meta.url),
  options: { maxSeries: 100, principals: 3 },
  badOptions: [
    { options: { path: "metrics" }, place: "plugins[0].options.path", hint: 'such as "/metrics"' },
    { options: { token: "short" }, place: "plugins[0].options.token", hint: "at least 16" },
    { options: { open: true, token: "0123456789abcdef" }, place: "plugins[0].options.open", hint: "leave one of them out" },
    { options: { maxSeries: 1 }, place: "plugins[0].options.maxSeries", hint: /10/ },
    { options: { principals: 1.5 }, place: "plugins[0].options.principals", hint: /int/ },
  ],
});
