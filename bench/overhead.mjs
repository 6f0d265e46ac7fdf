// What each stock plugin adds to a call: the host with that plugin alone, next to the host without any.
import { interleaved, LEGS, withAll } from "./legs.mjs";
import { flood } from "./load.mjs";
import { HOST, WITH_ONE } from "./targets.mjs";

/** A second host without plugins: what it seems to add is the noise of the measurement. */
const AGAIN = { ...HOST, name: "again" };

/** Microseconds of CPU per call above the host without plugins: { plugin: [one per round] }. */
export async function measureOverhead({ growth, warm }, { rounds, say }) {
  const targets = [HOST, AGAIN, ...WITH_ONE].map((target) => [target, LEGS["stdio-stdio"].shape]);
  return withAll(targets, async (running) => {
    for (const each of running) await flood(each, 1, 32, { calls: warm * 4 });
    // Short floods in many rounds: neighbours on the machine come and go more slowly than that.
    const samples = await interleaved(running, rounds * 2, async (each) => ({ cpu: (await flood(each, 1, 32, { ms: growth.flood })).cpu }));
    const [plain, ...others] = running.map((each) => samples.get(each).cpu);
    const added = others.map((cpu) => cpu.map((value, round) => (value - plain[round]) * 1000));
    say("overhead of each plugin");
    return Object.fromEntries(running.slice(1).map((each, i) => [each.target.name, added[i]]));
  });
}
