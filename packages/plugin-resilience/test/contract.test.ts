import { resilience } from "@host/plugin-resilience";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

testPlugin(resilience, {
  test,
  module: "@host/plugin-resilience",
  options: {
    defaults: { breaker: { ratio: {} }, timeout: { idle: "5s" } },
    tools: [{ match: ["nothing-like-it"], fallback: { text: "later" } }],
  },
  badOptions: [
    {
      options: { defaults: { breaker: { consecutive: 0 } } },
      place: "plugins[0].options.defaults.breaker.consecutive",
      hint: ">=1",
    },
    { options: { defaults: { breaker: true } }, place: "plugins[0].options.defaults.breaker", hint: "false to turn it off" },
    {
      options: { defaults: { timeout: { idle: "5x" } } },
      place: "plugins[0].options.defaults.timeout.idle",
      hint: '"5x" is not one of the forms',
    },
    { options: { tools: [{ match: [] }] }, place: "plugins[0].options.tools[0].match", hint: /./ },
    {
      options: { tools: [{ match: ["a"], fallback: {} }] },
      place: "plugins[0].options.tools[0].fallback",
      hint: 'needs "text" or "structured"',
    },
  ],
});
