// The legs: one client transport and one upstream transport each, all targets up at once, rounds interleaved in random order.
import { flood, large, sequential } from "./load.mjs";
import { shuffled } from "./measure.mjs";
import { bring, TARGETS } from "./targets.mjs";

/** One era to another over one transport. `isBrief`: latency and one throughput, of the forwarder and the bare host. */
const eras = (transport, clientEra, upstreamEra) => ({
  title: `${transport === "http" ? "HTTP" : transport}, ${clientEra} → ${upstreamEra}`,
  shape: { client: transport, upstream: transport, servers: 1, tools: 5, clientEra, upstreamEra },
  isBrief: true,
});

/** Every leg: its key, what people call it, and its shape. The aggregate's servers have 100 tools each. */
export const LEGS = {
  "http-http": { title: "HTTP → HTTP", shape: { client: "http", upstream: "http", servers: 1, tools: 5 } },
  "http-stdio": { title: "HTTP → stdio", shape: { client: "http", upstream: "stdio", servers: 1, tools: 5 } },
  "stdio-stdio": { title: "stdio → stdio", shape: { client: "stdio", upstream: "stdio", servers: 1, tools: 5 } },
  // The other eras beside the legs above, where both sides speak the legacy one.
  "http-modern-modern": eras("http", "modern", "modern"),
  "http-legacy-modern": eras("http", "legacy", "modern"),
  "http-modern-legacy": eras("http", "modern", "legacy"),
  "stdio-modern-modern": eras("stdio", "modern", "modern"),
  "stdio-legacy-modern": eras("stdio", "legacy", "modern"),
  "stdio-modern-legacy": eras("stdio", "modern", "legacy"),
  aggregate: { title: "HTTP → 5 stdio × 100 tools", shape: { client: "http", upstream: "stdio", servers: 5, tools: 100 } },
};

/** Sessions and calls in flight of the two throughput figures. */
const FEW = [10, 32];
const MANY = [100, 128];

/** Brings up targets, runs `body` with them, and ends them whatever happened. */
export async function withAll(targets, body) {
  const running = [];
  try {
    const brought = await Promise.allSettled(targets.map(([target, shape]) => bring(target, shape)));
    for (const { status, value } of brought) if (status === "fulfilled") running.push(value);
    for (const { status, reason } of brought) if (status === "rejected") throw reason;
    for (const each of running) await each.complete();
    return await body(running);
  } finally {
    await Promise.all(running.map((each) => each.close()));
  }
}

/** Runs `measure` on each target in `rounds` interleaved rounds; gives each target's samples: { figure: [one per round] }. */
export async function interleaved(running, rounds, measure, samples = new Map(running.map((each) => [each, {}]))) {
  for (let round = 0; round < rounds; round++)
    for (const each of shuffled(running))
      for (const [figure, value] of Object.entries(await measure(each))) (samples.get(each)[figure] ??= []).push(value);
  return samples;
}

/** Measures one leg: { target: { figure: [one value per round] } }. */
export async function measureLeg(key, sizes, { rounds, say }) {
  const { shape, title, isBrief } = LEGS[key];
  const targets = TARGETS.slice(0, isBrief ? 3 : undefined).map((target) => [target, shape]);
  return withAll(targets, async (running) => {
    for (const each of running) await flood(each, ...FEW, { calls: sizes.warm });
    const samples = await interleaved(running, rounds, (each) => sequential(each, sizes.calls));
    say(`${title}: latency`);
    const floods = [[32, FEW], ...(isBrief ? [] : [[128, [sizes.sessions, MANY[1]]]])];
    for (const [name, [sessions, inFlight]] of floods) {
      const measure = async (each) => {
        const { rate, cpu } = await flood(each, sessions, inFlight, { ms: sizes.flood });
        return { [`rate${name}`]: rate, [`cpu${name}`]: cpu };
      };
      // Sessions and sockets are opened here, not earlier: a gateway with a hundred open ones is another case than one with ten.
      for (const each of running) await flood(each, sessions, inFlight, { calls: sizes.warm / 2 });
      await interleaved(running, rounds, measure, samples);
      say(`${title}: ${inFlight} in flight`);
    }
    const finished = () => Object.fromEntries(running.map((each) => [each.target.name, samples.get(each)]));
    if (isBrief) return finished();
    const results = async (each) => {
      const one = await large(each, 1e6, sizes.million);
      const ten = await large(each, 1e7, sizes.tenMillion);
      return { ms1: one.ms, peak1: one.peak, ms10: ten.ms, peak10: ten.peak };
    };
    await interleaved(running, rounds, results, samples);
    say(`${title}: large results`);
    return finished();
  });
}
