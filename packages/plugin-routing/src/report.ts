import type { Json } from "mcp-host";
import type { Group } from "./group.ts";
import type { Instruments } from "./instruments.ts";
import type { Mirrors } from "./mirrors.ts";

/** Differences of one group that a report names. */
const MOST = 100;

/** How things stand with the groups. */
export function reportOf(groups: Iterable<Group>, instruments: Instruments, mirrors: Mirrors): Json {
  return { groups: Object.fromEntries([...groups].map((group) => [group.name, groupOf(group, instruments, mirrors)])) };
}

function groupOf({ name, options, seats, listing }: Group, { arms }: Instruments, { counts }: Mirrors): Json {
  const members = seats.map(({ options: { weight, priority }, member }) => [
    member.server,
    {
      state: member.drained ? "drained" : member.isEjected ? "left alone" : member.standing,
      weight,
      priority,
      share: Number(member.share.toFixed(2)),
      inFlight: member.inFlight,
      calls: member.calls,
      failed: member.failed,
      ...(member.latency !== undefined && { latencyMs: Number(member.latency.toFixed(1)) }),
      ...(member.drained === "all" && { sticky: "moved" }),
    },
  ]);
  const rules = options.rules.map((rule) => {
    const own = [...arms.values()].filter((each) => each.group === name && each.rule === rule.name);
    const compared = counts.get(`${name} ${rule.name}`);
    return [
      rule.name,
      {
        ...(own.length > 0 && {
          arms: Object.fromEntries(
            own.map(({ arm, calls, errors, milliseconds }) => [arm, { calls, errors, seconds: milliseconds / 1000 }]),
          ),
        }),
        ...(compared && { mirrored: { ...compared } }),
      },
    ];
  });
  const { differences } = listing;
  return {
    policy: options.policy,
    members: Object.fromEntries(members),
    ...(rules.length > 0 && { rules: Object.fromEntries(rules) }),
    ...(differences.length > 0 && { differences: differences.slice(0, MOST).map((each) => ({ ...each })), differ: differences.length }),
  };
}
