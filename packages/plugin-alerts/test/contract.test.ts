import { alerts } from "@host/plugin-alerts";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

const options = "plugins[0].options";
const ops = { name: "ops", url: "https://hooks.example.com/alerts" } as const;

testPlugin(alerts, {
  test,
  module: "@host/plugin-alerts",
  options: {
    receivers: [{ ...ops, least: "critical" }],
    rules: [
      { kind: "server-down", for: "1h" },
      { kind: "server-flapping", losses: 1_000 },
      { kind: "all-servers-down", for: "1h" },
      { kind: "breaker-open" },
      { kind: "error-ratio", minimum: 1_000_000 },
      { kind: "latency", minimum: 1_000_000 },
      { kind: "quota" },
      { kind: "certificate" },
    ],
  },
  badOptions: [
    { options: { receivers: [{ ...ops, name: "" }] }, place: `${options}.receivers[0].name`, hint: "letters" },
    { options: { receivers: [ops, ops] }, place: `${options}.receivers[1].name`, hint: "another receiver's" },
    { options: { receivers: [{ ...ops, url: "http://hooks.example.com/" }] }, place: `${options}.receivers[0].url`, hint: "https://" },
    { options: { receivers: [{ name: "ops" }] }, place: `${options}.receivers[0].url`, hint: "say where" },
    {
      options: { receivers: [{ ...ops, template: "teams" }] },
      place: `${options}.receivers[0].template`,
      hint: "generic, slack or pagerduty",
    },
    { options: { receivers: [{ name: "p", template: "pagerduty" }] }, place: `${options}.receivers[0].routingKey`, hint: "PagerDuty" },
    { options: { receivers: [{ ...ops, routingKey: "x" }] }, place: `${options}.receivers[0].routingKey`, hint: "remove it" },
    { options: { receivers: [{ ...ops, secret: "short" }] }, place: `${options}.receivers[0].secret`, hint: "16 characters" },
    { options: { receivers: [{ ...ops, headers: { host: "a" } }] }, place: `${options}.receivers[0].headers.host`, hint: "remove it" },
    { options: { receivers: [{ ...ops, backoff: "1h" }] }, place: `${options}.receivers[0].backoff`, hint: '"maxBackoff"' },
    { options: { receivers: [{ ...ops, timeout: "2m" }] }, place: `${options}.receivers[0].timeout`, hint: "60s" },
    { options: { rules: [{ kind: "sever-down" }] }, place: `${options}.rules[0].kind`, hint: "server-down, server-flapping" },
    { options: { rules: [{ kind: "disk" }, { kind: "disk" }] }, place: `${options}.rules[1].name`, hint: "a name of its own" },
    { options: { rules: [{ kind: "disk", to: ["ops"] }] }, place: `${options}.rules[0].to[0]`, hint: 'no receiver "ops"; there are none' },
    { options: { rules: [{ kind: "disk", below: "ten" }] }, place: `${options}.rules[0].below`, hint: '"10%"' },
    { options: { rules: [{ kind: "disk", severity: "fatal" }] }, place: `${options}.rules[0].severity`, hint: "critical" },
    { options: { rules: [{ kind: "disk", repeat: 0 }] }, place: `${options}.rules[0].repeat`, hint: "longer than 0" },
    { options: { rules: [{ kind: "error-ratio", above: 2 }] }, place: `${options}.rules[0].above`, hint: "1" },
    { options: { rules: [{ kind: "latency", within: 1 }] }, place: `${options}.rules[0].within`, hint: "1s" },
    {
      options: { rules: [{ kind: "server-down", servers: ["nobody"] }] },
      place: 'plugin "alerts": options.rules[0].servers[0]',
      hint: "no upstream is called",
    },
    {
      options: { rules: [{ kind: "latency", tools: ["nobody:x"] }] },
      place: 'plugin "alerts": options.rules[0].tools[0]',
      hint: "no upstream is called",
    },
    { options: { group: { by: ["name"] } }, place: `${options}.group.by[0]`, hint: "rule, kind, severity or server" },
    { options: { interval: "1ms" }, place: `${options}.interval`, hint: "50ms" },
    { options: { instance: "a\nb" }, place: `${options}.instance`, hint: "letters" },
    { options: { labels: { "a b": "c" } }, place: `${options}.labels.a b`, hint: "no label's name" },
  ],
});
