// The plots of a run, as { file name: SVG }. A run of some parts only has the plots of these.
import { value } from "./figures.mjs";
import { median } from "./measure.mjs";
import { bars, lines } from "./plot.mjs";
import { DIRECT, TARGETS } from "./targets.mjs";

const gateways = TARGETS.filter((target) => target !== DIRECT);

export function plots({ legs, growth = {} }, titles) {
  const keys = Object.keys(legs).filter((key) => legs[key].all?.p50);
  const names = keys.map((key) => titles[key]);
  const of = (targets, id) => targets.map(({ name, title }) => ({ name: title, values: keys.map((key) => value(legs[key], name, id)) }));
  const result = {};
  if (keys.length > 0) {
    result["latency.svg"] = bars("Latency of a call, p50, one client, ms", names, of(TARGETS, "p50"));
    result["cpu.svg"] = bars("CPU time of the gateway per call, 32 in flight, ms", names, of(gateways, "cpu32"));
    result["throughput.svg"] = bars("Calls per second, 128 in flight", names, of(TARGETS, "rate128"));
    result["large.svg"] = bars("Peak memory with results of 10 MB, MB", names, of(gateways, "peak10"));
  }
  if (legs.aggregate?.host?.idle) result["memory.svg"] = memory(legs.aggregate);
  if (growth.host) result["growth.svg"] = growing(growth.host, legs.aggregate?.host);
  return result;
}

function memory(leg) {
  const moments = { idle: "idle", after: "20,000 calls", afterTwice: "40,000 calls", open: "100 sessions", closed: "closed again" };
  const series = gateways.map(({ name, title }) => ({ name: title, values: Object.keys(moments).map((id) => value(leg, name, id)) }));
  return bars("Memory of the gateway with five upstreams, MB", Object.values(moments), series);
}

/** The host's cost per call as a multiple of the smallest case, from few to many of each kind. */
function growing(axes, life) {
  const named = Object.entries(axes).map(([axis, counts]) => [`${Object.keys(counts).join(", ")} ${axis}`, Object.values(counts)]);
  if (life?.age0) named.push(["5,000, 20,000, 40,000 calls before", [life.age0, life.age1, life.age2]]);
  const series = named.map(([name, counts]) => ({ name, values: counts.map((each) => median(each) / median(counts[0])) }));
  const steps = Math.max(...series.map(({ values }) => values.length));
  const points = steps === 3 ? ["few", "more", "many"] : ["few", "many", "…"].slice(0, steps);
  return lines("CPU time per call of the host as a multiple of the first, over growing numbers", points, series);
}
