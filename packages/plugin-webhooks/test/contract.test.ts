import { webhooks } from "@host/plugin-webhooks";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

const at = "plugins[0].options.hooks[0]";
const hook = { name: "a", url: "https://hooks.example.com/check", at: "permit" } as const;
const others = { tools: ["guarded__*"], prompts: ["guarded"], resources: ["guarded:///*"], methods: ["guarded/*"] };

testPlugin(webhooks, {
  test,
  module: "@host/plugin-webhooks",
  options: {
    hooks: [
      { ...hook, match: others, secret: "a secret of this test" },
      { ...hook, name: "b", at: "transform", match: others },
      { ...hook, name: "c", at: "respond", match: others, mode: "observe", timeout: "1m" },
    ],
  },
  badOptions: [
    { options: { hooks: [{ ...hook, name: "" }] }, place: `${at}.name`, hint: "letters" },
    { options: { hooks: [hook, hook] }, place: "plugins[0].options.hooks[1].name", hint: "another hook's" },
    { options: { hooks: [{ ...hook, url: "http://hooks.example.com/" }] }, place: `${at}.url`, hint: "https://" },
    { options: { hooks: [{ ...hook, url: "https://u:p@hooks.example.com/" }] }, place: `${at}.url`, hint: "password" },
    { options: { hooks: [{ ...hook, at: "call" }] }, place: `${at}.at`, hint: "permit, transform or respond" },
    { options: { hooks: [{ ...hook, match: {} }] }, place: `${at}.match`, hint: "says nothing" },
    { options: { hooks: [{ ...hook, match: { tools: [] } }] }, place: `${at}.match.tools`, hint: "1" },
    { options: { hooks: [{ ...hook, match: { methods: ["tools/list"] } }] }, place: `${at}.match.methods[0]`, hint: "comes to no hook" },
    {
      options: { hooks: [{ ...hook, match: { tools: ["nobody:x"] } }] },
      place: 'plugin "webhooks": options.hooks[0].match.tools[0]',
      hint: "no upstream is called",
    },
    { options: { hooks: [{ ...hook, send: ["headers"] }] }, place: `${at}.send[0]`, hint: "params" },
    { options: { hooks: [{ ...hook, at: "transform", send: ["caller"] }] }, place: `${at}.send`, hint: "cannot be changed" },
    { options: { hooks: [{ ...hook, timeout: 0 }] }, place: `${at}.timeout`, hint: "10ms" },
    {
      options: { hooks: [{ ...hook, timeout: "5s" }] },
      place: 'plugin "webhooks": options.hooks[0].timeout',
      hint: 'a longer "timeout"',
    },
    { options: { hooks: [{ ...hook, onFailure: "maybe" }] }, place: `${at}.onFailure`, hint: "open or closed" },
    { options: { hooks: [{ ...hook, mode: "audit" }] }, place: `${at}.mode`, hint: "enforce or observe" },
    { options: { hooks: [{ ...hook, secret: "short" }] }, place: `${at}.secret`, hint: "16 characters" },
    { options: { hooks: [{ ...hook, secret: "whsec_no base64 at all" }] }, place: `${at}.secret`, hint: "whsec_" },
    { options: { hooks: [{ ...hook, headers: { Host: "x" } }] }, place: `${at}.headers.Host`, hint: "remove it" },
    { options: { hooks: [{ ...hook, headers: { "webhook-id": "x" } }] }, place: `${at}.headers.webhook-id`, hint: "remove it" },
    { options: { hooks: [{ ...hook, headers: { "x-a": "a\r\nb" } }] }, place: `${at}.headers.x-a`, hint: "is no header" },
    { options: { hooks: [{ ...hook, retries: 9 }] }, place: `${at}.retries`, hint: "3" },
    { options: { hooks: [{ ...hook, connections: 0 }] }, place: `${at}.connections`, hint: "1" },
    { options: { hooks: [{ ...hook, maxRequest: "1gb" }] }, place: `${at}.maxRequest`, hint: "64mb" },
    { options: { hooks: [{ ...hook, maxAnswer: 1 }] }, place: `${at}.maxAnswer`, hint: "256 bytes" },
    { options: { hooks: [{ ...hook, circuit: { failures: 0 } }] }, place: `${at}.circuit.failures`, hint: ">=1" },
  ],
});
