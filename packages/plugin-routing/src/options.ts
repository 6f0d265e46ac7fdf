import { condition } from "@host/cel";
import { duration } from "mcp-host";
import { z } from "zod";

export const POLICIES = ["round-robin", "weighted", "least-in-flight", "two-choices", "hash"] as const;

const server = z.string().min(1);
const globs = z.array(z.string().min(1)).min(1);
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const NAMED = "must be 1 to 64 of A-Z a-z 0-9 _ . -";
const name = z.string().regex(NAME, NAMED);
const percent = z.number().min(0, "must be from 0 to 100").max(100, "must be from 0 to 100");
const servers = z.union([server.transform((one) => [one]), z.array(server).min(1)], "must be the name of a member, or a list of them");
const positive = duration.refine((milliseconds) => milliseconds > 0, "must be longer than 0");

const member = z.strictObject({
  server: server.describe("The server's key in `mcpServers`."),
  weight: z.number().min(0).max(1_000).default(1).describe("Its share among members of one priority; 0: only what a rule sends there."),
  priority: z.int().min(1).max(100).default(1).describe("Those of a higher number are backups: used while none of a lower one can be."),
  listed: z.boolean().default(false).describe("Whether what it has is listed under its own name, too."),
});
export type MemberOptions = z.output<typeof member>;

const arm = z.strictObject({
  name: name.describe("What the arm is called in metrics and reports."),
  percent: percent.describe("How many of a hundred are in it."),
  to: servers.describe("The members that its calls go to."),
});

export const rule = z
  .strictObject({
    name: name.describe("What it is called in metrics, reports and the log. With another name cohorts are others, too."),
    match: globs.optional().describe("What it is about: exposed names, or `<group>:<native name>`; without it all of the group."),
    when: condition.optional().describe("A CEL expression about the call that must hold, too."),
    principals: z.array(z.string().min(1)).min(1).optional().describe("Ids of principals whose calls it is about."),
    roles: z.array(z.string().min(1)).min(1).optional().describe("Roles, of which one is enough."),
    endpoints: z.array(z.string()).min(1).optional().describe('Endpoints by which clients came in; `""` is the unnamed one.'),
    percent: percent.optional().describe("Only so many of a hundred: always the same ones, and more of them when it grows."),
    by: z.enum(["principal", "session"], "must be principal or session").default("principal").describe("What a cohort is made of."),
    to: servers.optional().describe("The members that its calls go to."),
    strict: z.boolean().default(false).describe("Whether its calls go nowhere else where those cannot be used."),
    arms: z.array(arm).min(2).max(10).optional().describe("Several targets by cohort, each with its figures."),
    mirror: server.optional().describe("A member that read-only calls are made at besides, once they are answered."),
    readOnly: z.literal(true, "must be true, or left out").optional().describe("What it mirrors is read-only, whatever annotations say."),
  })
  .superRefine(({ to, arms, mirror, strict, percent: share, readOnly }, context) => {
    const problem = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
    if ([to, arms, mirror].filter((each) => each !== undefined).length !== 1)
      context.addIssue({ code: "custom", message: 'must have one of "to", "arms" and "mirror"' });
    if (strict && mirror !== undefined) problem("strict", 'is for rules with "to" or "arms"');
    if (readOnly && mirror === undefined) problem("readOnly", 'is for rules with "mirror"');
    if (share !== undefined && arms) problem("percent", "each arm has its own");
    if (arms && arms.reduce((sum, each) => sum + each.percent, 0) > 100) problem("arms", "have more than 100 percent in all");
    if (arms && new Set(arms.map((each) => each.name)).size < arms.length) problem("arms", "must have names of their own");
  });
export type RuleOptions = z.output<typeof rule>;

const group = z
  .strictObject({
    members: z
      .array(z.union([server.transform((key) => member.parse({ server: key })), member], "must be a server's key, or an object"))
      .min(1)
      .describe("The servers, in the order in which what they list is looked at."),
    policy: z
      .enum(POLICIES, `must be one of ${POLICIES.join(", ")}`)
      .default("round-robin")
      .describe("How one of several is chosen."),
    hash: z
      .string()
      .regex(/^(principal|session|arguments\.[^.]+)$/, 'must be principal, session or "arguments.<name>"')
      .default("principal")
      .describe("With the policy `hash`: what decides. Without such an argument it is the principal."),
    offer: z
      .enum(["all", "majority"], "must be all or majority")
      .default("all")
      .describe("How many members must have a tool or prompt alike for it to be offered."),
    sticky: z
      .union([z.literal(false), z.enum(["session", "principal"])], 'must be false, "session" or "principal"')
      .optional()
      .describe("Whose calls stay with one member. Default: a session's where a member has the isolation `session`, else nobody's."),
    stickyFor: positive.default(1_800_000).describe("How long after a call the next one still goes to the same member."),
    failures: z.int().min(1).max(1_000).default(5).describe("After so many failures in a row a member is left alone."),
    ejectFor: positive.default(10_000).describe("For how long; twice as long each time it fails again, up to sixteen times."),
    slowStart: duration.default(10_000).describe("How long a member that comes back has less than its share; 0: not at all."),
    rules: z.array(rule).default([]).describe("Where certain calls go; the first that fits decides, of mirrors as of targets."),
  })
  .superRefine(({ members, rules }, context) => {
    const known = members.map((each) => each.server);
    const problem = (path: (string | number)[], message: string): void => context.addIssue({ code: "custom", path, message });
    for (const [index, key] of known.entries())
      if (known.indexOf(key) < index) problem(["members", index], `names "${key}", which is a member already`);
    if (members.every(({ weight }) => weight === 0)) problem(["members"], "need one with a weight above 0");
    for (const [index, { name: own, to = [], arms = [], mirror }] of rules.entries()) {
      if (rules.findIndex((each) => each.name === own) < index) problem(["rules", index, "name"], `"${own}" is another rule's, too`);
      for (const target of [...to, ...arms.flatMap((each) => each.to), ...(mirror === undefined ? [] : [mirror])])
        if (!known.includes(target)) problem(["rules", index], `leads to "${target}", which is no member; there are ${known.join(", ")}`);
    }
  });
export type GroupOptions = z.output<typeof group>;

const coalesced = z.strictObject({
  match: globs.describe("Exposed names, or `<upstream>:<native name>`; prompts and resources, too."),
  readOnly: z.literal(true, "must be true, or left out").optional().describe("These tools are read-only, whatever annotations say."),
});
export type CoalesceOptions = z.output<typeof coalesced>;

export const options = z
  .strictObject({
    groups: z.record(z.string(), group).default({}).describe("Groups of equal servers, by the name under which they are offered."),
    coalesce: z.array(coalesced).default([]).describe("Read-only calls of which equal ones of one caller at the same time are one."),
  })
  .superRefine(({ groups }, context) => {
    const seen = new Map<string, string>();
    for (const own of Object.keys(groups))
      if (!NAME.test(own)) context.addIssue({ code: "custom", path: ["groups", own], message: `the name of a group ${NAMED}` });
    for (const [own, { members }] of Object.entries(groups))
      for (const [index, each] of members.entries()) {
        const other = seen.get(each.server);
        const message = `names "${each.server}", which is in the group "${other}" already; a server is in one group`;
        if (other !== undefined && other !== own) context.addIssue({ code: "custom", path: ["groups", own, "members", index], message });
        else seen.set(each.server, own);
      }
  });
export type Options = z.output<typeof options>;
