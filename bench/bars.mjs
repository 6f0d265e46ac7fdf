// What the host has to reach, in multiples of the bare forwarder measured in the same run.
import { ratio, ratios, samples, shown, value } from "./figures.mjs";
import { median } from "./measure.mjs";
import { FORWARDER_TARGET } from "./targets.mjs";

const CALLS = ["http-http", "http-stdio", "stdio-stdio"];

/** A bar: its limit for people; `measure` gives what a leg's results say, in the bar's unit; `met` tells whether that is enough. */
const atMost = (target, id, most) => ({
  limit: `≤ ${most.toFixed(1)} ×`,
  measure: (leg) => ratioOf(leg, target, id),
  met: (x) => x <= most,
});
const atLeast = (target, id, least) => ({
  limit: `≥ ${least.toFixed(1)} ×`,
  measure: (leg) => ratioOf(leg, target, id),
  met: (x) => x >= least,
});

/** As `atMost`, in multiples of the host without plugins. */
const atMostOfHost = (target, id, most) => ({
  limit: `≤ ${most.toFixed(1)} × without`,
  measure: (leg) => {
    const plain = samples(leg, "host", id);
    const rounds = samples(leg, target, id).map((sample, round) => sample / plain[round]);
    return { value: value(leg, target, id) / value(leg, "host", id), unit: "×", digits: 2, rounds };
  },
  met: (x) => x <= most,
});

function ratioOf(leg, target, id) {
  return { value: ratio(leg, target, id), unit: "×", digits: 2, rounds: ratios(leg, target, id) };
}

const BARS = [
  { title: "CPU per call, no plugin, 32 in flight", legs: CALLS, ...atMost("host", "cpu32", 1.3) },
  { title: "CPU per call, namespace plugin, 32 in flight", legs: CALLS, ...atMost("namespace", "cpu32", 1.4) },
  { title: "CPU per call, all stock plugins, 32 in flight", legs: CALLS, ...atMostOfHost("all", "cpu32", 2) },
  { title: "added p50, one client", legs: CALLS, ...atMost("host", "added", 1.3) },
  { title: "throughput, 128 in flight", legs: CALLS, ...atLeast("host", "rate128", 0.8) },
  { title: "10 MB result, time", legs: CALLS, ...atMost("host", "ms10", 1.3) },
  { title: "10 MB result, peak memory", legs: CALLS, ...atMost("host", "peak10", 1.3) },
  { title: "start to full list, five stdio servers", legs: ["aggregate"], ...atMost("host", "start", 1.5) },
  {
    title: "idle memory, five upstreams",
    legs: ["aggregate"],
    limit: "≤ 75 MB",
    measure: (leg) => ({ value: value(leg, "host", "idle"), unit: "MB", digits: 0, rounds: samples(leg, "host", "idle") }),
    met: (x) => x <= 75,
  },
  { title: "growth over idle after 20,000 calls", legs: ["aggregate"], ...growth("afterGrowth") },
  { title: "growth over idle after 100 sessions closed again", legs: ["aggregate"], ...growth("closedGrowth") },
];

/** Memory growth: the forwarder's and 8 MB more. */
function growth(id) {
  const measure = (leg) => {
    const allowed = value(leg, FORWARDER_TARGET.name, id);
    const rounds = samples(leg, "host", id).map((sample) => sample - allowed);
    return { value: median(rounds), unit: "MB more", digits: 0, rounds };
  };
  return { limit: "≤ forwarder's + 8 MB", measure, met: (x) => x <= 8 };
}

/** Each bar with what was measured: rows for people, and `unmet`. Legs that were not run are left out. */
export function barsTable({ legs, errors }, titles) {
  const rows = BARS.flatMap(({ title, legs: keys, limit, measure, met }) =>
    keys
      .filter((key) => legs[key])
      .map((key) => {
        const { value: got, unit, digits, rounds } = measure(legs[key]);
        const finite = rounds.filter(Number.isFinite);
        const range = finite.length ? `${shown(Math.min(...finite), digits)} … ${shown(Math.max(...finite), digits)}` : "–";
        return [title, titles[key], limit, `${shown(got, digits)} ${unit}`, range, met(got) ? "yes" : "**no**"];
      }),
  );
  rows.push(["errors and wrong payloads", "all", "0", String(errors), "", errors === 0 ? "yes" : "**no**"]);
  return { head: ["bar", "leg", "asked", "measured", "single rounds", "met"], rows };
}
