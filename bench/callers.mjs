// Many callers, each with a view of its own of many tools: what a list takes, and what is kept for each of them.
import { join } from "node:path";
import { interleaved, withAll } from "./legs.mjs";
import { failed, tally } from "./load.mjs";
import { cpu, pause, percentile, rss } from "./measure.mjs";
import { HOST } from "./targets.mjs";

const SAME = { ...HOST, name: "same", title: "one view for all" };
const OWN = { ...HOST, name: "own", title: "a view for each caller", plugins: [join(import.meta.dirname, "views-plugin.mjs")] };
/** A round is two thousand lists of thousands of tools, whose median needs no more of them. */
const MOST_ROUNDS = 3;
/** Lists that are asked for at once. */
const AT_ONCE = 8;

/** Each caller's list: p50 and CPU in ms, and KB of memory that each caller added. { target: { figure: [one per round] } } */
export async function measureCallers({ callers, settle }, { rounds, say }) {
  const shape = { client: "http", upstream: "http", servers: 1, tools: callers.tools };
  return withAll(
    [SAME, OWN].map((target) => [target, { ...shape, least: target === OWN ? 0.25 : 1 }]),
    async (running) => {
      const memory = new Map();
      for (const each of running) {
        await pause(settle);
        const before = rss(each.pid);
        await each.open(callers.count);
        await listAll(each);
        await pause(settle);
        memory.set(each, ((rss(each.pid) - before) * 1024) / callers.count);
      }
      say(`${callers.count} callers with ${callers.tools} tools`);
      const samples = await interleaved(running, Math.min(rounds, MOST_ROUNDS), listAll);
      return Object.fromEntries(running.map((each) => [each.target.name, { ...samples.get(each), memory: [memory.get(each)] }]));
    },
  );
}

/** Every session asks for its list once. */
async function listAll(running) {
  const times = [];
  const before = cpu(running.pid);
  const waiting = [...running.sessions];
  const worker = async () => {
    for (let session = waiting.pop(); session; session = waiting.pop()) {
      tally.calls++;
      const from = performance.now();
      try {
        const { tools } = await session.request("tools/list", {});
        times.push(performance.now() - from);
        if (tools.length < running.shape.tools * running.shape.least) throw new Error(`a list of ${tools.length} tools`);
      } catch (error) {
        failed(running.target, error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  times.sort((a, b) => a - b);
  return { list: percentile(times, 0.5) / AT_ONCE, cpu: (cpu(running.pid) - before) / times.length };
}
