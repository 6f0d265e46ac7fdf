import { duration, isSafeUrl, webhookHeaderProblem, webhookKey } from "mcp-host";
import { z } from "zod";
import { named, nameOf, rule, SEVERITIES, USUAL } from "./rules.ts";

export const TEMPLATES = ["generic", "slack", "pagerduty"] as const;

/** Where PagerDuty takes events. */
const PAGERDUTY = "https://events.pagerduty.com/v2/enqueue";

const secret = z
  .string()
  .min(16, "must have 16 characters or more; make one with `openssl rand -base64 32` and write ${file:...} or ${env:...} here")
  .refine((text) => webhookKey(text) !== undefined, "begins with whsec_, so that the rest must be base64 of 16 bytes or more");

export const receiver = z
  .strictObject({
    name: named.describe("What it is called in rules, the status, figures and the log."),
    template: z
      .enum(TEMPLATES, "must be generic, slack or pagerduty")
      .default("generic")
      .describe(
        "What is posted: `generic` as Alertmanager's webhook has it, `slack` for an incoming webhook, `pagerduty` for Events API v2.",
      ),
    url: z
      .string()
      .refine(isSafeUrl, "must be an https:// URL without user name and password (http:// only on loopback)")
      .optional()
      .describe("Where it is posted. Redirects are not followed. Default with `pagerduty`: PagerDuty's own."),
    routingKey: z.string().min(1).max(200).optional().describe('The integration key of PagerDuty. Write "${env:...}" or "${file:...}".'),
    secret: z
      .union([secret, z.array(secret).min(1).max(3)], "must be a secret of 16 characters or more, or up to 3 of them")
      .optional()
      .describe("Signs every message (HMAC-SHA256), as Standard Webhooks has it. Of several, each signs: to replace one."),
    headers: z
      .record(z.string(), z.string().max(8_192))
      .default({})
      .superRefine((given, context) => {
        for (const [name, value] of Object.entries(given)) {
          const problem = webhookHeaderProblem(name, value);
          if (problem !== undefined) context.addIssue({ code: "custom", path: [name], message: problem });
        }
      })
      .describe('Headers of every message, such as `"authorization": "Bearer ${ALERTS_TOKEN}"`.'),
    least: z.enum(SEVERITIES, "must be info, warning, error or critical").default("info").describe("What is less bad is not told to it."),
    resolved: z.boolean().default(true).describe("Whether it is told when something is over."),
    timeout: duration
      .refine((ms) => ms >= 100 && ms <= 60_000, "must be from 100ms to 60s")
      .default(10_000)
      .describe("How long one try may take."),
    backoff: duration
      .refine((ms) => ms >= 10, "must be at least 10ms")
      .default(1_000)
      .describe("Pause after a try that failed; twice as long after each further one, with chance."),
    maxBackoff: duration
      .refine((ms) => ms >= 10, "must be at least 10ms")
      .default(300_000)
      .describe("Longest pause; where the receiver asks for a longer one (`Retry-After`), that is kept to, up to an hour."),
  })
  .superRefine(({ template, url, routingKey, backoff, maxBackoff }, context) => {
    const wrong = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
    if (template === "pagerduty" && routingKey === undefined) wrong("routingKey", "is missing: PagerDuty knows by it whose event it is");
    if (template !== "pagerduty" && routingKey !== undefined) wrong("routingKey", 'is for "template": "pagerduty" alone; remove it');
    if (template !== "pagerduty" && url === undefined) wrong("url", "is missing: say where messages are posted");
    if (backoff > maxBackoff) wrong("backoff", 'is longer than "maxBackoff"; raise "maxBackoff"');
  })
  .transform(({ url = PAGERDUTY, ...rest }) => ({ url, ...rest }));
export type ReceiverOptions = z.output<typeof receiver>;

export const GROUPINGS = ["rule", "kind", "severity", "server"] as const;
export type Grouping = (typeof GROUPINGS)[number];

const group = z.strictObject({
  by: z
    .array(z.enum(GROUPINGS, "must be rule, kind, severity or server"))
    .default(["rule"])
    .describe("What alerts of one message have in common; `[]`: all are told together."),
  wait: duration.default(5_000).describe("How long the first message of a group waits for more of it."),
  interval: duration.default(60_000).describe("How long after a message of a group the next one comes, at the earliest."),
  repeat: z
    .union([z.literal(false), duration.refine((ms) => ms > 0, "must be longer than 0")], "must be a duration such as 4h, or false")
    .default(14_400_000)
    .describe("After how long what goes on is told again; `false`: never."),
});
export type GroupOptions = z.output<typeof group>;

export const options = z
  .strictObject({
    receivers: z.array(receiver).max(50).default([]).describe("Who is told. Without any, alerts are in the status and the log alone."),
    rules: z.array(rule).max(200).prefault(USUAL).describe("What is looked after."),
    group: group.prefault({}).describe("How alerts are put together in messages, and how often those come."),
    interval: duration
      .refine((ms) => ms >= 50 && ms <= 600_000, "must be from 50ms to 10m")
      .default(5_000)
      .describe("How often it is looked how things stand; what becomes of a server is looked at at once."),
    instance: z
      .string()
      .regex(/^[\w.:/@ -]{1,100}$/, "must be 1 to 100 letters, digits, spaces or any of _ . : / @ -")
      .optional()
      .describe("What this host is called in messages, and what its alerts are kept under. Default: the machine's name and the port."),
    labels: z
      .record(z.string(), z.string().max(200))
      .superRefine((given, context) => {
        for (const name of Object.keys(given))
          if (!/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/.test(name))
            context.addIssue({ code: "custom", path: [name], message: "is no label's name: letters, digits and _, no digit first" });
      })
      .default({})
      .describe('Labels of every alert, such as `"team": "search"`.'),
  })
  .superRefine(({ receivers, rules }, context) => {
    const wrong = (path: (string | number)[], message: string): void => context.addIssue({ code: "custom", path, message });
    const names = new Set<string>();
    for (const [index, { name }] of receivers.entries()) {
      if (names.has(name)) wrong(["receivers", index, "name"], `"${name}" is another receiver's already`);
      names.add(name);
    }
    const seen = new Set<string>();
    for (const [index, given] of rules.entries()) {
      const name = nameOf(given);
      if (seen.has(name)) wrong(["rules", index, "name"], `"${name}" is another rule's already; give this one a name of its own`);
      seen.add(name);
      for (const [at, to] of (given.to ?? []).entries())
        if (!names.has(to)) wrong(["rules", index, "to", at], `there is no receiver "${to}"; there are ${[...names].join(", ") || "none"}`);
    }
  });
export type Options = z.output<typeof options>;
