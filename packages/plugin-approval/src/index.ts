import { readFileSync } from "node:fs";
import { ConfigError, definePlugin, type PluginHost } from "mcp-host";
import { z } from "zod";
import { Asking } from "./asking.ts";
import { Desk } from "./desk.ts";
import { Fitting, namedUpstreams } from "./fitting.ts";
import { Gate } from "./gate.ts";
import { type Options, options } from "./options.ts";
import { CHOICES, Remembered } from "./remembered.ts";
import { Rules } from "./rules.ts";
import { Waiting } from "./waiting.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type ApprovalOptions = z.input<typeof options>;

/** Asks a person, or an operator, before calls that matter. */
export const approval = definePlugin({
  name: "approval",
  version,
  host: "^1.0.0",
  // Around whatever answers in a server's place or sends again: what was not approved is not answered from a cache, and a retry asks nobody twice.
  enforce: "pre",
  security: true,
  options,
  commands: {
    pending: () => import("./commands/pending.ts"),
    approve: () => import("./commands/approve.ts"),
    deny: () => import("./commands/deny.ts"),
    forget: () => import("./commands/forget.ts"),
  },
  apply(host, given) {
    const { hooks, clock, random, log } = host;
    checkDeadlines(given, host.config.limits.questionTime);
    const trusted = given.trust.map((key, index) => ({ place: `options.trust[${index}]`, key }));
    host.reload.expectUpstreams(...trusted, ...namedUpstreams(given.rules));

    const calls = host.meter.counter({
      name: "approval.calls",
      description: "Calls that a rule kept from passing unasked, by who answered and what came of it.",
      labels: ["by", "outcome"],
    });
    const desk = new Desk({ clock, random, maxPending: given.maxPending });
    const remembered = new Remembered(host);
    const waiting = new Waiting(host);
    const asking = new Asking({ desk, remembered, waiting, log });
    const gate = new Gate({ rules: new Rules(given, log), asking, log, deadline: given.deadline, calls });

    hooks.call.for("tools/call").tap("approval", (next) => gate.tell(next));
    hooks.call.for("tools/call").tap("approval", (next) => gate.guard(next));

    // The signal is aborted when the host has stopped, which it does when nothing waits any more.
    hooks.operated.tap("approval", ({ operation, plugin, outcome }) => {
      if (operation === "stop" && plugin === undefined && outcome === "ok") waiting.withdraw();
    });

    const fitting = new Fitting(given.rules, host);
    hooks.discover.tap("approval", (entries, { key }) => {
      fitting.heard(key, entries);
      return entries;
    });
    hooks.merge.tap("approval", (entries) => {
      fitting.changed();
      return entries;
    });
    hooks.ready.tap("approval", () => fitting.tell());

    host.operator.report(() => ({ rules: given.rules.length, unmatched: fitting.unmatched(), pending: desk.size }));
    operate(host, desk, remembered);
  },
});

/** A client is asked no longer than the host lets questions wait. @throws ConfigError for a rule that would ask longer */
function checkDeadlines({ rules, deadline }: Options, questionTime: number): void {
  const problems = rules.flatMap((rule, index) => {
    const { ask, deadline: own } = rule;
    if ((ask !== "person" && ask !== "either") || (own ?? deadline) <= questionTime) return [];
    const place = own === undefined ? "options.deadline" : `options.rules[${index}].deadline`;
    return [
      `plugin "approval": ${place}: is ${own ?? deadline} ms, but clients are asked for ${questionTime} ms at most; make it shorter, or limits.questionTime longer`,
    ];
  });
  if (problems.length > 0) throw new ConfigError([...new Set(problems)]);
}

function operate({ operator }: PluginHost, desk: Desk, remembered: Remembered): void {
  const id = z.string().min(1).describe("The call's id, as `pending` tells it.");
  operator.operation("pending", () => ({ pending: desk.pending() }), {
    description: "Tells which calls wait for an operator.",
    params: z.strictObject({}),
    reads: true,
  });
  operator.operation(
    "approve",
    ({ id, for: choice }, who) => {
      desk.approve(id, choice, who);
      return { approved: id };
    },
    {
      description: "Lets a call pass that waits.",
      params: z.strictObject({
        id,
        for: z.enum(CHOICES).default("once").describe("How long the answer counts, as far as the rule lets it."),
      }),
    },
  );
  operator.operation(
    "deny",
    ({ id, reason }, who) => {
      desk.deny(id, reason, who);
      return { denied: id };
    },
    {
      description: "Refuses a call that waits.",
      params: z.strictObject({ id, reason: z.string().min(1).max(500).optional().describe("Why, in words that the model is told.") }),
    },
  );
  operator.operation(
    "forget",
    async () => {
      await remembered.forget();
      return { forgotten: true };
    },
    { description: "Forgets every answer that is remembered.", params: z.strictObject({}) },
  );
}

export default approval;
