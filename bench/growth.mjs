// Whether a call costs more the more tools, upstreams or sessions there are: one gateway each, next to the smallest one.
import { interleaved, withAll } from "./legs.mjs";
import { flood } from "./load.mjs";
import { ALL, FORWARDER_TARGET, HOST } from "./targets.mjs";

/** The smallest: what the others are compared with. All upstreams are paths of one HTTP process, so that 50 of them fit a desk. */
const BASE = { client: "http", upstream: "http", servers: 1, tools: 5 };
const SESSIONS = 10;

const AXES = {
  tools: (count) => ({ ...BASE, tools: count }),
  upstreams: (count) => ({ ...BASE, servers: count }),
  sessions: () => BASE,
};

/** CPU ms per call: { target: { axis: { count: [one per round] } } }. */
export async function measureGrowth({ growth, warm }, { rounds, say }) {
  const result = {};
  for (const target of [FORWARDER_TARGET, HOST, ALL]) {
    const cases = Object.keys(AXES).flatMap((axis) => growth[axis].map((count) => ({ axis, count })));
    const targets = cases.map(({ axis, count }) => [target, AXES[axis](count)]);
    result[target.name] = await withAll(targets, async (running) => {
      const at = new Map(running.map((each, i) => [each, cases[i]]));
      const sessionsOf = (each) => (at.get(each).axis === "sessions" ? at.get(each).count : SESSIONS);
      for (const each of running) await flood(each, sessionsOf(each), 32, { calls: warm });
      const measure = async (each) => ({ cpu: (await flood(each, sessionsOf(each), 32, { ms: growth.flood })).cpu });
      const samples = await interleaved(running, rounds, measure);
      const axes = {};
      for (const [each, { cpu }] of samples) (axes[at.get(each).axis] ??= {})[at.get(each).count] = cpu;
      return axes;
    });
    say(`growth: ${target.title}`);
  }
  return result;
}
