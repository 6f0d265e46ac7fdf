import { otel } from "@host/plugin-otel";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

const at = "plugins[0].options";

testPlugin(otel, {
  test,
  module: "@host/plugin-otel",
  // Nobody listens there. Messages pass as they came where servers and clients are told no context.
  options: { endpoint: "http://127.0.0.1:9/otlp", traces: { ratio: 1 }, context: { out: false, questions: false } },
  badOptions: [
    { options: { endpoint: "collector:4317" }, place: `${at}.endpoint`, hint: "http:// or https://" },
    { options: { endpoint: "https://u:p@collector" }, place: `${at}.endpoint`, hint: "password" },
    { options: { endpoint: "http://collector:4318", headers: { "api-key": "abc" } }, place: `${at}.endpoint`, hint: "use https://" },
    {
      options: { traces: { url: "http://collector/v1/traces" }, headers: { "api-key": "abc" } },
      place: `${at}.traces.url`,
      hint: "use https://",
    },
    { options: { headers: { "content-type": "x" } }, place: `${at}.headers.content-type`, hint: "remove it" },
    { options: { headers: { "x-a": "a\r\nb" } }, place: `${at}.headers.x-a`, hint: "is no header" },
    { options: { compression: "zip" }, place: `${at}.compression`, hint: "gzip or none" },
    { options: { timeout: "10ms" }, place: `${at}.timeout`, hint: "100ms" },
    { options: { shutdown: "2m" }, place: `${at}.shutdown`, hint: "1m" },
    { options: { service: "" }, place: `${at}.service`, hint: "1" },
    { options: { traces: true }, place: `${at}.traces`, hint: "an object, or false" },
    { options: { traces: { ratio: 2 } }, place: `${at}.traces.ratio`, hint: "from 0 to 1" },
    { options: { traces: { slow: "soon" } }, place: `${at}.traces.slow`, hint: "a time" },
    { options: { traces: { content: ["headers"] } }, place: `${at}.traces.content[0]`, hint: "arguments or results" },
    { options: { traces: { rules: [{ ratio: 1 }] } }, place: `${at}.traces.rules[0]`, hint: "fits everything" },
    { options: { traces: { rules: [{ names: [], ratio: 1 }] } }, place: `${at}.traces.rules[0].names`, hint: "1" },
    { options: { metrics: { interval: "10ms" } }, place: `${at}.metrics.interval`, hint: "1s" },
    { options: { metrics: { temporality: "both" } }, place: `${at}.metrics.temporality`, hint: "delta" },
    { options: { metrics: { maxSeries: 1 } }, place: `${at}.metrics.maxSeries`, hint: "10" },
    { options: { logs: { level: "loud" } }, place: `${at}.logs.level`, hint: "warn" },
    { options: { context: { in: "trust" } }, place: `${at}.context.in`, hint: "parent, link or ignore" },
    { options: { context: { out: "all" } }, place: `${at}.context.out`, hint: "keys of servers" },
    {
      options: { endpoint: "http://127.0.0.1:9", context: { out: ["nobody"] } },
      place: `plugin "otel": options.context.out[0]`,
      hint: "no upstream is called",
    },
    { options: { batch: { max: 0 } }, place: `${at}.batch.max`, hint: "1" },
    { options: { batch: { queue: 0 } }, place: `${at}.batch.queue`, hint: "1" },
    { options: { batch: { delay: 0 } }, place: `${at}.batch.delay`, hint: "10ms" },
  ],
});
