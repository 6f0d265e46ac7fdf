import { condition } from "@host/cel";
import { duration } from "mcp-host";
import { z } from "zod";

/** What annotations say of a tool; those of the specification's defaults where a tool or its server says nothing that counts. */
export const TRAITS = ["read-only", "not read-only", "destructive", "not idempotent", "open-world"] as const;
export type Trait = (typeof TRAITS)[number];

const globs = z.array(z.string().min(1)).min(1);
const time = duration.refine((milliseconds) => milliseconds > 0, "must be longer than 0");
const isTrue = z.literal(true, "must be true, or left out");

export const rule = z
  .strictObject({
    match: globs.optional().describe("Tools: exposed names, or `<upstream>:<native name>`; without it every tool."),
    when: condition.optional().describe("A CEL expression about the call that must hold, too."),
    annotations: z
      .union(
        [z.enum(TRAITS).transform((trait) => [trait]), z.array(z.enum(TRAITS)).min(1)],
        `must be one of "${TRAITS.join('", "')}", or a list`,
      )
      .optional()
      .describe("What the tool's annotations must say; of several, one is enough."),
    ask: z
      .enum(["person", "operator", "either"], "must be person, operator or either")
      .optional()
      .describe("Who is asked; `either` is the person, or an operator where the client cannot be asked."),
    allow: isTrue.optional().describe("Such calls pass unasked."),
    deny: isTrue.optional().describe("Such calls are refused unasked."),
    deadline: time.optional().describe("How long an answer is waited for; then the call is refused. Default: the option `deadline`."),
    remember: z
      .union([z.enum(["no", "session", "principal"]), time], 'must be "no", "session", "principal" or a duration such as "30m"')
      .default("no")
      .describe("How long whoever is asked may let an answer count: for this call alone, the session, the principal, or so long."),
    covers: z
      .enum(["call", "tool"], "must be call or tool")
      .default("call")
      .describe("What a remembered answer is for: the tool with exactly these arguments, or with any."),
    reason: z.string().min(1).max(500).optional().describe("Why, in the words that whoever is asked or refused is told."),
  })
  .refine(
    ({ ask, allow, deny }) => [ask, allow, deny].filter((each) => each !== undefined).length === 1,
    'must have one of "ask", "allow" and "deny"',
  )
  .superRefine(({ ask, deadline, remember, covers }, context) => {
    if (ask !== undefined) return;
    const given = { deadline: deadline !== undefined, remember: remember !== "no", covers: covers !== "call" };
    for (const [key, isGiven] of Object.entries(given))
      if (isGiven) context.addIssue({ code: "custom", path: [key], message: 'is for rules that have "ask"' });
  });
export type Rule = z.output<typeof rule>;

export const options = z.strictObject({
  rules: z
    .array(rule)
    .default([rule.parse({ annotations: "destructive", ask: "either" })])
    .describe("Which calls need an answer; the first rule that matches decides, and a call that none matches passes."),
  trust: z
    .array(z.string())
    .default([])
    .describe("Upstreams whose annotations are believed. Of others every tool counts as destructive and open-world."),
  deadline: time.default(120_000).describe("How long an answer is waited for, where a rule says nothing else."),
  maxPending: z
    .int()
    .min(1)
    .max(1_000)
    .default(100)
    .describe("How many calls may wait for operators, a quarter of them of one principal; one more is refused."),
});
export type Options = z.output<typeof options>;
