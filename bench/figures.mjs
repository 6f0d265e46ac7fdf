// What the figures are: their titles, units, and what the results say of them.
import { median } from "./measure.mjs";
import { DIRECT, FORWARDER_TARGET, TARGETS } from "./targets.mjs";

const YARDSTICK = FORWARDER_TARGET.name;

/** Figures of every leg. `digits` after the point; `more` where more is better; a difference of memory has no ratio. */
export const FIGURES = [
  { id: "p50", title: "latency p50, ms", digits: 3 },
  { id: "added", title: "p50 added to a direct call, ms", digits: 3 },
  { id: "p95", title: "latency p95, ms", digits: 2 },
  { id: "p99", title: "latency p99, ms", digits: 2 },
  { id: "rate32", title: "calls/s, 10 sessions, 32 in flight", digits: 0, more: true },
  { id: "cpu32", title: "CPU per call, 32 in flight, ms", digits: 4 },
  { id: "rate128", title: "calls/s, 100 sessions, 128 in flight", digits: 0, more: true },
  { id: "cpu128", title: "CPU per call, 128 in flight, ms", digits: 4 },
  { id: "ms1", title: "result of 1 MB, ms", digits: 1 },
  { id: "peak1", title: "… peak memory, MB", digits: 0 },
  { id: "ms10", title: "result of 10 MB, ms", digits: 0 },
  { id: "peak10", title: "… peak memory, MB", digits: 0 },
];

/** Further figures of the aggregate. */
export const LIFE = [
  { id: "start", title: "start to the list of all 500 tools, ms", digits: 0 },
  { id: "list", title: "tools/list with 500 tools, ms", digits: 2 },
  { id: "idle", title: "memory when idle, MB", digits: 0 },
  { id: "after", title: "… after 20,000 calls", digits: 0 },
  { id: "afterTwice", title: "… after 40,000 calls", digits: 0 },
  { id: "open", title: "… with 100 sessions and their GET streams", digits: 0 },
  { id: "closed", title: "… when they are closed again", digits: 0 },
];

/** A number for people, or a dash where there is none. */
export function shown(value, digits) {
  if (!Number.isFinite(value)) return "–";
  const rounded = Number(value.toFixed(digits)) || 0; // no "-0"
  return rounded.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The samples of a figure, one per round; what is added to a direct call is told from the direct calls of the same round. */
export function samples(leg, target, id) {
  if (id !== "added") return leg[target]?.[id] ?? [];
  if (target === DIRECT.name) return [];
  const direct = samples(leg, DIRECT.name, "p50");
  return samples(leg, target, "p50").map((value, round) => value - direct[round]);
}

/** A figure: the median of its samples. */
export function value(leg, target, id) {
  if (id !== "added") return median(samples(leg, target, id));
  return target === DIRECT.name ? Number.NaN : value(leg, target, "p50") - value(leg, DIRECT.name, "p50");
}

/**
 * A figure as a multiple of the forwarder's: of the medians, and not the median of the rounds' multiples, which neighbours on the
 * machine disturb more, since they hit single rounds of one and not of the other.
 */
export const ratio = (leg, target, id) => value(leg, target, id) / value(leg, YARDSTICK, id);

/** The multiples of the single rounds, to see how far they lie apart. */
export function ratios(leg, target, id) {
  const yardstick = samples(leg, YARDSTICK, id);
  return samples(leg, target, id).map((sample, round) => sample / yardstick[round]);
}

/** Whether a stdio leg has this figure of a direct call: there is no gateway whose CPU and memory it could be. */
const meant = (target, id) => target !== DIRECT.name || !/^(cpu|peak)/.test(id);

/** The figures that a leg has. */
const measured = (figures, leg) => figures.filter(({ id }) => samples(leg, YARDSTICK, id).length > 0);

/** The one table: a row per leg and figure, a column per target, and its multiple of the forwarder's. */
export function mainTable({ legs }, titles) {
  const head = [
    "leg",
    "figure",
    ...TARGETS.flatMap(({ name, title }) => (name === DIRECT.name || name === YARDSTICK ? [title] : [title, "×"])),
  ];
  const rows = Object.entries(legs).flatMap(([key, leg]) =>
    measured([...FIGURES, ...(key === "aggregate" ? LIFE : [])], leg).map(({ id, title, digits }, i) => [
      i === 0 ? titles[key] : "",
      title,
      ...TARGETS.flatMap(({ name }) => {
        const cell = meant(name, id) ? shown(value(leg, name, id), digits) : "–";
        return name === DIRECT.name || name === YARDSTICK ? [cell] : [cell, shown(ratio(leg, name, id), 2)];
      }),
    ]),
  );
  return { head, rows };
}

/** How the cost of a call grows: CPU ms at each size, and the largest as a multiple of the smallest. */
export function growthTable({ growth = {}, legs }) {
  const titled = (name) => TARGETS.find((target) => target.name === name).title;
  const rows = Object.entries(growth).flatMap(([name, axes]) =>
    Object.entries(axes).map(([axis, counts]) => growthRow(titled(name), axis, Object.entries(counts))),
  );
  const ages = [
    ["5,000", "age0"],
    ["20,000", "age1"],
    ["40,000", "age2"],
  ];
  for (const name of Object.keys(growth))
    if (legs.aggregate?.[name]?.age0)
      rows.push(
        growthRow(
          titled(name),
          "earlier calls",
          ages.map(([count, id]) => [count, legs.aggregate[name][id]]),
        ),
      );
  return { head: ["", "number of", "CPU ms per call at", "last / first"], rows };
}

function growthRow(title, axis, points) {
  const costs = points.map(([count, values]) => [count, median(values)]);
  const cells = costs.map(([count, cost]) => `${count.includes(",") ? count : shown(Number(count), 0)}: ${shown(cost, 4)}`);
  return [title, axis, cells.join(" · "), shown(costs.at(-1)[1] / costs[0][1], 2)];
}

/** What a list costs, and what is kept for each caller, where all see the same and where each sees something else. */
export function callersTable({ callers = {} }) {
  const rows = [
    ["CPU per list, ms", "cpu", 2],
    ["time per list, eight at once, ms", "list", 2],
    ["memory per caller, KB", "memory", 0],
  ].map(([title, id, digits]) => [title, ...["same", "own"].map((name) => shown(median(callers[name]?.[id] ?? []), digits))]);
  return { head: ["", "all see the same", "each sees another half"], rows };
}

/** Microseconds per call that a sign-in adds to a fixed header. */
export function signInTable({ signIn = {} }) {
  const { rows } = overheadTable({ overhead: signIn });
  return { head: ["beside a host with a fixed header", "µs of CPU per call", "over the rounds"], rows };
}

/** Microseconds per call that each plugin adds, and what a second host without any seems to add. */
export function overheadTable({ overhead = {} }) {
  const range = (values) => `${shown(Math.min(...values), 1)} … ${shown(Math.max(...values), 1)}`;
  const rows = Object.entries(overhead).map(([name, values]) => [
    name === "again" ? "none (the noise)" : name,
    shown(median(values), 1),
    range(values),
  ]);
  return { head: ["plugin", "µs of CPU per call", "over the rounds"], rows };
}
