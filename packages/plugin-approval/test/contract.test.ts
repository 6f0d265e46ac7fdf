import { approval } from "@host/plugin-approval";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

testPlugin(approval, {
  test,
  module: "@host/plugin-approval",
  options: { rules: [{ match: ["guarded__*"], when: 'arguments.path != ""', ask: "either", remember: "session" }] },
  badOptions: [
    { options: { rules: [{ match: ["x"] }] }, place: "plugins[0].options.rules[0]", hint: 'one of "ask", "allow" and "deny"' },
    { options: { rules: [{ ask: "person", deny: true }] }, place: "plugins[0].options.rules[0]", hint: 'one of "ask"' },
    { options: { rules: [{ ask: "anybody" }] }, place: "plugins[0].options.rules[0].ask", hint: /person, operator or either/ },
    { options: { rules: [{ allow: true, remember: "session" }] }, place: "plugins[0].options.rules[0].remember", hint: 'have "ask"' },
    { options: { rules: [{ ask: "person", remember: "ever" }] }, place: "plugins[0].options.rules[0].remember", hint: "30m" },
    {
      options: { rules: [{ ask: "person", when: "arguments.x +" }] },
      place: "plugins[0].options.rules[0].when",
      hint: "no CEL expression",
    },
    {
      options: { rules: [{ ask: "person", annotations: "dangerous" }] },
      place: "plugins[0].options.rules[0].annotations",
      hint: "destructive",
    },
    {
      options: { rules: [{ ask: "person", deadline: "1h" }] },
      place: 'plugin "approval": options.rules[0].deadline',
      hint: "limits.questionTime",
    },
    { options: { deadline: 0 }, place: "plugins[0].options.deadline", hint: "longer than 0" },
    { options: { deadline: "1h" }, place: 'plugin "approval": options.deadline', hint: "limits.questionTime" },
    { options: { trust: ["nobody"] }, place: 'plugin "approval": options.trust[0]', hint: "no upstream is called" },
    { options: { maxPending: 0 }, place: "plugins[0].options.maxPending", hint: "1" },
  ],
});
