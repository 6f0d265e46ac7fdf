import { duration, isLoopback, webhookHeaderProblem } from "mcp-host";
import { z } from "zod";

const between = (least: number, most: number, words: string) => duration.refine((ms) => ms >= least && ms <= most, `must be ${words}`);

/** An address of a collector, or nothing, which turns the plugin off. */
const address = z
  .string()
  .refine((text) => text === "" || isHttp(text), "must be an http:// or https:// URL without user name and password, or empty");

const headers = z.record(z.string(), z.string().max(8_192)).superRefine((given, context) => {
  for (const [name, value] of Object.entries(given)) {
    const problem = webhookHeaderProblem(name, value);
    if (problem !== undefined) context.addIssue({ code: "custom", path: [name], message: problem });
  }
});

const url = address.optional().describe("The whole URL of this signal, where it is not the path that OTLP has for it below `endpoint`.");

const globs = z.array(z.string().min(1).max(1_000)).min(1);
const ratio = z.number("must be a number from 0 to 1").min(0, "must be from 0 to 1").max(1, "must be from 0 to 1");

export const rule = z
  .strictObject({
    methods: globs.optional().describe('Globs of methods, such as `"tools/call"` or `"resources/*"`.'),
    names: globs.optional().describe("Globs of what the request names: a tool, a prompt, a URI, as clients see it."),
    roles: z.array(z.string().min(1)).min(1).optional().describe("Roles, of which the caller has one."),
    endpoints: z.array(z.string()).min(1).optional().describe('Endpoints that it came in by; `""` is the unnamed one.'),
    ratio: ratio.describe("The share of what fits that is sampled."),
  })
  .refine(
    ({ ratio: _, ...rest }) => Object.values(rest).some((each) => each !== undefined),
    "fits everything; say methods, names, roles or endpoints, or use `traces.ratio`",
  );

export const traces = z.strictObject({
  url,
  ratio: ratio
    .optional()
    .describe("The share of traces that is sampled: told with all stages and taps, whatever comes of them. Default 0.1."),
  perSecond: z
    .union([z.int().min(1), z.literal(false)], "must be a number from 1, or false")
    .optional()
    .describe("So many traces are sampled in a second at most by a ratio. Default 20 where `ratio` is left out, else `false`: any number."),
  rules: z
    .array(rule)
    .max(100)
    .default([])
    .describe("Other shares; the first that fits counts, before what the client wants and before `ratio`."),
  parent: z
    .boolean()
    .default(true)
    .describe("A client's `traceparent` says whether its trace is sampled. `false`: it is asked for its ids alone."),
  errors: z.boolean().default(true).describe("Traces with an error are told, sampled or not."),
  slow: z
    .union([between(1, 86_400_000, "from 1ms to 24h"), z.literal(false)], "must be a time from 1ms to 24h, or false")
    .default(5_000)
    .describe("Requests that take so long are told, sampled or not. `false`: none."),
  stages: z
    .boolean()
    .default(true)
    .describe("Spans of stages and taps in what is sampled. `false`: only requests, attempts and questions."),
  content: z
    .array(z.enum(["arguments", "results"], "must be arguments or results"))
    .default([])
    .describe("Of calls of tools: their `arguments`, their `results`, without the secrets that the host knows."),
  identity: z.boolean().default(false).describe("Who called (`user.id`) and from where (`client.address`)."),
});

export const metrics = z.strictObject({
  url,
  interval: between(1_000, 3_600_000, "from 1s to 1h").default(60_000).describe("How often they are sent."),
  temporality: z
    .enum(["cumulative", "delta"], "must be cumulative or delta")
    .default("cumulative")
    .describe("`cumulative`: since the start; `delta`: since they were last taken, as Datadog wants it."),
  exemplars: z.boolean().default(true).describe("With each bucket of a duration the trace of a request in it, where that is told."),
  maxSeries: z
    .int()
    .min(10)
    .max(100_000)
    .default(1_000)
    .describe("Sets of attributes of one instrument that are told apart; the rest is one with `otel.metric.overflow`."),
});

export const logs = z.strictObject({
  url,
  level: z
    .enum(["error", "warn", "info", "debug"], "must be error, warn, info or debug")
    .default("info")
    .describe("Lines of this level and what is worse."),
});

export const context = z.strictObject({
  in: z
    .enum(["parent", "link", "ignore"], "must be parent, link or ignore")
    .default("parent")
    .describe("What a client's context is: the `parent`; a `link` of a trace of the host's own; or nothing."),
  out: z
    .union([z.boolean(), z.array(z.string().min(1)).min(1)], "must be true, false, or keys of servers")
    .default(true)
    .describe("Which servers are told the context of their call in `_meta`: all, none, or these."),
  questions: z.boolean().default(true).describe("Clients are told the context of questions to them."),
});

export const batch = z.strictObject({
  max: z.int().min(1).max(2_048).default(256).describe("Spans, or lines of the log, in one request."),
  queue: z
    .int()
    .min(1)
    .max(100_000)
    .default(4_096)
    .describe("How many wait at most, of spans and of lines each; what comes beyond is dropped and counted."),
  delay: between(10, 60_000, "from 10ms to 1m").default(5_000).describe("How long the first of a batch waits for others."),
});

const part = <T extends z.ZodType>(schema: T) => z.union([schema, z.literal(false)], "must be an object, or false");

export const options = z
  .strictObject({
    endpoint: address
      .default("")
      .describe(
        'The collector\'s address, such as `"http://127.0.0.1:4318"`; `/v1/traces`, `/v1/metrics` and `/v1/logs` are put behind it. Empty: off.',
      ),
    headers: headers.default({}).describe('Headers of every request, such as `"authorization": "Bearer ${OTEL_TOKEN}"`.'),
    compression: z.enum(["gzip", "none"], "must be gzip or none").default("gzip").describe("How requests are made smaller."),
    timeout: between(100, 60_000, "from 100ms to 1m").default(10_000).describe("How long the collector may take for one request."),
    shutdown: between(0, 60_000, "up to 1m")
      .default(3_000)
      .describe("How long what is left may take when the host stops, or the plugin goes."),
    service: z.string().min(1).max(255).default("mcp-host").describe("`service.name` of the resource."),
    resource: z
      .record(z.string().min(1).max(255), z.union([z.string().max(1_024), z.number(), z.boolean()]))
      .default({})
      .describe('More attributes of the resource, such as `"deployment.environment.name": "production"`.'),
    traces: part(traces).prefault({}).describe("Spans of requests. `false`: none."),
    metrics: part(metrics).prefault({}).describe("Durations of requests, and what the host and its plugins count. `false`: none."),
    logs: part(logs).prefault({}).describe("Lines of the host's log. `false`: none."),
    context: context.prefault({}).describe("How traces go on from clients and to servers."),
    batch: batch.prefault({}).describe("How spans and lines are put together."),
  })
  .superRefine(({ headers: given, endpoint, traces, metrics, logs }, context) => {
    if (Object.keys(given).length === 0) return;
    const addresses = [
      ["endpoint", endpoint],
      ...Object.entries({ traces, metrics, logs }).map(([key, each]) => [key, each ? (each.url ?? "") : ""]),
    ] as const;
    for (const [key = "", each = ""] of addresses)
      if (isOpen(each))
        context.addIssue({
          code: "custom",
          path: key === "endpoint" ? [key] : [key, "url"],
          message: "would have `headers` sent for everybody to read; use https://, or leave `headers` out",
        });
  });

export type OtelOptions = z.input<typeof options>;
export type Options = z.output<typeof options>;
export type TraceSettings = z.output<typeof traces>;
export type MetricSettings = z.output<typeof metrics>;
export type ContextSettings = z.output<typeof context>;
export type BatchSettings = z.output<typeof batch>;
export type Rule = z.output<typeof rule>;

function isHttp(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === "http:" || protocol === "https:") && username === "" && password === "";
}

/** Whether what is sent there can be read on the way. */
function isOpen(text: string): boolean {
  if (!isHttp(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === "http:" && !isLoopback(hostname);
}
