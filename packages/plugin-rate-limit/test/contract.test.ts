import { rateLimit } from "@host/plugin-rate-limit";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

const options = "plugins[0].options";
const one = { name: "one", requests: 5, window: "1m" };

testPlugin(rateLimit, {
  test,
  module: "@host/plugin-rate-limit",
  options: {
    rules: [
      { name: "often", per: ["principal"], requests: 100_000, window: "1m", burst: 10 },
      { name: "lists", methods: ["tools/list", "initialize"], requests: 100_000, window: "1m" },
      { name: "guarded", per: ["tool"], when: { tools: ["guarded__*"] }, concurrent: 1, queue: {} },
      { name: "out", per: ["address", "endpoint"], bytes: "1gb", window: "day" },
    ],
    addresses: { requests: 100_000, window: "1m" },
  },
  badOptions: [
    { options: { rules: [{ name: "a" }] }, place: `${options}.rules[0]`, hint: 'one of "requests", "bytes" and "concurrent"' },
    { options: { rules: [{ ...one, concurrent: 1 }] }, place: `${options}.rules[0]`, hint: "a rule of its own for each" },
    { options: { rules: [{ name: "a", requests: 1 }] }, place: `${options}.rules[0].window`, hint: '"month"' },
    { options: { rules: [{ ...one, window: "1 fortnight" }] }, place: `${options}.rules[0].window`, hint: "is no window" },
    { options: { rules: [{ ...one, window: "10ms" }] }, place: `${options}.rules[0].window`, hint: "at least 1s" },
    { options: { rules: [{ ...one, window: "month", burst: 2 }] }, place: `${options}.rules[0].burst`, hint: "a duration" },
    { options: { rules: [{ ...one, queue: {} }] }, place: `${options}.rules[0].queue`, hint: '"concurrent"' },
    { options: { rules: [{ name: "a", concurrent: 1, window: "1m" }] }, place: `${options}.rules[0].window`, hint: "have none" },
    { options: { rules: [one, one] }, place: `${options}.rules[1].name`, hint: "another rule" },
    { options: { rules: [{ ...one, name: "addresses" }] }, place: `${options}.rules[0].name`, hint: "give the rule another" },
    { options: { rules: [{ ...one, name: 'a"b' }] }, place: `${options}.rules[0].name`, hint: "letters" },
    { options: { rules: [{ ...one, per: ["everybody"] }] }, place: `${options}.rules[0].per[0]`, hint: "principal" },
    { options: { rules: [{ ...one, methods: ["ping"] }] }, place: `${options}.rules[0].methods`, hint: '"addresses"' },
    {
      options: { rules: [{ ...one, per: ["tool"], methods: ["resources/read"] }] },
      place: `${options}.rules[0].methods`,
      hint: "names no tool",
    },
    {
      options: { rules: [{ ...one, per: ["server"], methods: ["tools/list"] }] },
      place: `${options}.rules[0].methods`,
      hint: "for all servers",
    },
    {
      options: { rules: [{ name: "a", concurrent: 1, methods: ["tools/list"] }] },
      place: `${options}.rules[0].methods`,
      hint: 'only "requests"',
    },
    { options: { rules: [{ ...one, when: {} }] }, place: `${options}.rules[0].when`, hint: "says nothing" },
    {
      options: { rules: [{ ...one, when: { servers: ["nobody"] } }] },
      place: 'plugin "rate-limit": options.rules[0].when.servers[0]',
      hint: "nobody",
    },
    {
      options: { rules: [{ ...one, unless: { tools: ["nobody:x"] } }] },
      place: 'plugin "rate-limit": options.rules[0].unless.tools[0]',
      hint: "nobody",
    },
    { options: { proxies: ["10.0.0.0/40"] }, place: 'plugin "rate-limit": options.proxies[0]', hint: "10.0.0.0/8" },
    { options: { timeZone: "Mars/North" }, place: `${options}.timeZone`, hint: "Europe/Berlin" },
    { options: { addresses: { requests: 1, window: "day", burst: 1 } }, place: `${options}.addresses.burst`, hint: "a duration" },
  ],
});
