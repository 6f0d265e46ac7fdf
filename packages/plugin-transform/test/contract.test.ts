import { transform } from "@host/plugin-transform";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

testPlugin(transform, {
  test,
  module: new URL("../dist/index.js", import.meta.url),
  options: {
    rules: [
      {
        match: ["nothing-like-it*"],
        hide: true,
        redact: true,
        strip: true,
        args: { pin: { a: 1 } },
        result: { jsonata: "$", truncate: { max: 10 } },
      },
    ],
  },
  badOptions: [
    { options: { rules: [{ match: [] }] }, place: "plugins[0].options.rules[0].match", hint: /1/ },
    { options: { ruels: [] }, place: "plugins[0].options.ruels", hint: 'did you mean "rules"?' },
    { options: { detectors: { x: "(a+)+" } }, place: "plugins[0].options.detectors.x", hint: "may take very long" },
  ],
});
