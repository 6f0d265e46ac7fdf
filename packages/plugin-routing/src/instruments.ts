import type { Counter, Meter, Reading } from "mcp-host";
import type { Chosen } from "./group.ts";
import type { Member } from "./member.ts";
import { REST } from "./rules.ts";

/** The plugin's counters. */
export interface Instruments {
  readonly failovers: Counter;
  readonly mirrored: Counter;
  readonly coalesced: Counter;
  /** By group, rule and arm: how many calls, by what came of them. For reports. */
  readonly arms: ReadonlyMap<string, Arm>;
  called(chosen: Chosen, outcome: "ok" | "error", milliseconds: number | undefined): void;
}

export interface Arm {
  readonly group: string;
  readonly rule: string;
  readonly arm: string;
  calls: number;
  errors: number;
  milliseconds: number;
}

/** Makes the counters, and gauges over the members. */
export function makeInstruments(meter: Meter, members: () => Iterable<Member>): Instruments {
  const gauge = (name: string, description: string, of: (member: Member) => number | undefined, unit = "1"): void =>
    meter.gauge({ name, description, labels: ["upstream"], unit }, () =>
      [...members()].flatMap((member): Reading[] => {
        const value = of(member);
        return value === undefined ? [] : [{ labels: [member.server], value }];
      }),
    );
  gauge("routing.in_flight", "Calls under way that were given to a member.", ({ inFlight }) => inFlight);
  gauge("routing.available", "1 while a member gets new calls.", ({ standing, drained }) => Number(standing === "up" && !drained));
  gauge("routing.latency", "Time of a member's answers lately.", ({ latency }) => latency && latency / 1000, "s");
  const calls = meter.counter({
    name: "routing.calls",
    description: "Calls that a group gave to a member.",
    labels: ["group", "upstream"],
  });
  const byArm = ["group", "rule", "arm"];
  const armCalls = meter.counter({
    name: "routing.arm.calls",
    description: "Calls of each arm of a rule, by what came of them.",
    labels: [...byArm, "outcome"],
  });
  const armTime = meter.counter({
    name: "routing.arm.time",
    description: "Time of the calls of an arm, in all.",
    labels: byArm,
    unit: "s",
  });
  const arms = new Map<string, Arm>();
  return {
    failovers: meter.counter({
      name: "routing.failovers",
      description: "Calls that went to another member, by the one that they were not sent to.",
      labels: ["group", "upstream"],
    }),
    mirrored: meter.counter({
      name: "routing.mirrored",
      description: "Mirrored calls, by how their answers compared.",
      labels: ["group", "rule", "outcome"],
    }),
    coalesced: meter.counter({ name: "routing.coalesced", description: "Calls that an equal one answered.", labels: ["upstream"] }),
    arms,
    called({ group: { name: group }, member, verdict: { target, outside } }, outcome, milliseconds) {
      calls.add(1, group, member.server);
      if (target?.arm === undefined && outside.length === 0) return;
      const within = target?.arm === undefined ? [] : [[target.rule, target.arm] as const];
      for (const [rule, arm] of [...within, ...outside.map((rule) => [rule, REST] as const)]) {
        armCalls.add(1, group, rule, arm, outcome);
        if (milliseconds !== undefined) armTime.add(milliseconds / 1000, group, rule, arm);
        const key = `${group} ${rule} ${arm}`;
        let kept = arms.get(key);
        if (!kept) arms.set(key, (kept = { group, rule, arm, calls: 0, errors: 0, milliseconds: 0 }));
        kept.calls++;
        if (outcome === "error") kept.errors++;
        kept.milliseconds += milliseconds ?? 0;
      }
    },
  };
}
